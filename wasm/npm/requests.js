// Requests that are signed, and answers whose server is known.

import { ServerCheck, SignedParts, Signer, contentDigest } from './dist/pinlatch.js';

const encoder = new TextEncoder();

function describe(method, url, headers, hasBody) {
  const { protocol, host, pathname, search } = new URL(url, location.href);
  const query = search ? search.slice(1) : undefined;
  const flat = [...headers].flat();
  return new SignedParts(method, protocol.slice(0, -1), host, pathname, query, flat, hasBody);
}

// A `fetch` that signs: with what an unlock has answered.
export function signer({ sessionId, requestKey, accessToken }) {
  const key = new Signer(requestKey, sessionId);
  return (url, { method = 'GET', body, headers = {}, ...more } = {}) => {
    const all = new Headers(headers);
    all.set('authorization', `Bearer ${accessToken}`);
    if (body !== undefined) all.set('content-digest', contentDigest(encoder.encode(body)));
    const parts = describe(method, url, all, body !== undefined);
    const [input, signature] = key.sign(parts, Date.now() / 1000);
    parts.free();
    all.set('signature-input', input);
    all.set('signature', signature);
    return fetch(url, { ...more, method, body, headers: all });
  };
}

// The keys in a server's directory: `signing`, to be pinned, and `sealing`, for the calls that follow. Ids and keys.
export function serverKeys(directory) {
  const { keys } = JSON.parse(directory);
  const withCurve = (curve) => keys.filter(({ crv }) => crv === curve).map(({ kid, x }) => [kid, x]);
  const [sealing] = withCurve('X25519');
  return { signing: withCurve('Ed25519'), sealing };
}

// Asks a server who it is, with a request that may be anything; resolves to its answer, or fails with `unknown_server`.
// `pinned` are ids and keys: [['id', '43 characters of base64url'], …].
export async function askServer(pinned, url, { headers = {}, ...more } = {}) {
  const check = new ServerCheck();
  const all = new Headers(headers);
  all.set('accept-signature', check.acceptSignature);
  const response = await fetch(url, { cache: 'no-store', ...more, headers: all });
  const body = new Uint8Array(await response.arrayBuffer());
  const parts = describe('GET', url, all, false);
  try {
    check.verify(pinned.flat(), parts, response.status, [...response.headers].flat(), body);
  } finally {
    parts.free();
  }
  return { status: response.status, body: new TextDecoder().decode(body) };
}
