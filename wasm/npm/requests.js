// Requests that are signed, and answers whose server is known.

import { ServerCheck, SignedParts, Signer, contentDigest } from './dist/pinlatch.js';

const encoder = new TextEncoder();

function describe(method, url, headers, hasBody) {
  const { protocol, host, pathname, search } = new URL(url, location.href);
  const query = search ? search.slice(1) : undefined;
  const flat = [...headers].flat();
  return new SignedParts(method, protocol.slice(0, -1), host, pathname, query, flat, hasBody);
}

// A `fetch` that signs: with what an unlock has answered, by the server's clock. What is signed is what goes out: a
// `Request` spells method and address, and says the type of a body, as `fetch` does.
export function signer({ sessionId, requestKey, accessToken, ahead = 0 }) {
  const key = new Signer(requestKey, sessionId);
  return async (url, { method = 'GET', body, headers = {}, ...more } = {}) => {
    const request = new Request(url, { method, body, headers });
    const all = new Headers(request.headers);
    all.set('authorization', `Bearer ${accessToken}`);
    if (body !== undefined) all.set('content-digest', contentDigest(encoder.encode(body)));
    const parts = describe(request.method, request.url, all, body !== undefined);
    const [input, signature] = key.sign(parts, Date.now() / 1000 + ahead);
    parts.free();
    all.set('signature-input', input);
    all.set('signature', signature);
    return fetch(request.url, { redirect: 'error', ...more, method: request.method, body, headers: all });
  };
}

const DIRECTORY = '/.well-known/http-message-signatures-directory';
const TIMEOUT_MS = 30_000;

// The keys of a server that the client meets for the first time, and believes: `signing`, to be pinned, and `sealing`,
// for the calls that follow.
export async function meetServer(url = DIRECTORY) {
  const { body, response } = await get(url);
  if (!response.ok) throw new Error('network');
  const date = Date.parse(response.headers.get('date') ?? '');
  return keysIn(body, Number.isNaN(date) ? 0 : (date - Date.now()) / 1000);
}

// The same of a server that has to prove that it is the one. `pinned` are ids and keys: [['id', '43 characters'], …].
// Fails with `unknown_server`, or with `not_signed` if there is no signature at all: then show nothing of it, and ask
// for no PIN. A refusal that nobody has signed is what proxies say while their server is away.
export async function askServer(pinned, url = DIRECTORY) {
  const check = new ServerCheck();
  const headers = new Headers({ 'accept-signature': check.acceptSignature });
  const { body, response } = await get(url, headers);
  if (!response.headers.has('signature')) {
    check.free();
    throw new Error(response.ok ? 'not_signed' : 'network');
  }
  const parts = describe('GET', url, headers, false);
  try {
    const signedAt = check.verify(pinned.flat(), parts, response.status, [...response.headers].flat(), body);
    return keysIn(body, signedAt - Date.now() / 1000);
  } finally {
    parts.free();
  }
}

async function get(url, headers) {
  try {
    const response = await fetch(url, {
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
    return { response, body: new Uint8Array(await response.arrayBuffer()) };
  } catch {
    throw new Error('network');
  }
}

// `ahead`: by how many seconds the server's clock is ahead of this one.
function keysIn(directory, ahead) {
  const { keys } = JSON.parse(new TextDecoder().decode(directory));
  const withCurve = (curve) => keys.filter(({ crv }) => crv === curve);
  const sealing = withCurve('X25519').map(({ kid, x }) => ({ id: Number(kid), key: x, ahead }))[0];
  const signing = withCurve('Ed25519').map(({ kid, x }) => [kid, x]);
  if (!sealing || signing.length === 0) throw new Error('not_a_sealing_key');
  return { signing, sealing };
}
