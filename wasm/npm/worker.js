// Where the KDF runs. Tokens are in clear only inside the WebAssembly, which ends with this worker: what is sent is
// sealed for the server, and what it answers is sealed for this call.

import init, { Exchange } from './dist/pinlatch.js';

const SEALED_REQUEST = 'application/pinlatch-sealed-request';
const SEALED_ANSWER = 'application/pinlatch-sealed-response';
const TIMEOUT_MS = 30_000;

const begin = {
  bare: () => Exchange.bare(),
  login: (pin) => Exchange.begin(pin),
  pin: (locked, pin, newPin) => Exchange.withPin(locked, pin, newPin),
  key: (locked, key) => Exchange.withKey(locked, key),
};

async function run(exchange, { url, headers, body = {}, sealTo, deviceKey }) {
  if (deviceKey) exchange.addKey(deviceKey);
  const response = await post(url, headers, seal(exchange, url, body, sealTo));
  if (response.type !== SEALED_ANSWER) return { answer: unsealed(response) };
  const { status, body: text, locked, lockedByKey } = exchange.open(response.bytes);
  const answered = JSON.parse(text);
  const answer = { status, ok: status >= 200 && status < 300, retryAfter: answered.retry_after ?? 0, body: answered };
  return { answer, locked, lockedByKey };
}

function seal(exchange, url, body, { id, key, ahead = 0 } = {}) {
  if (!Number.isInteger(id) || id < 0 || id > 255 || typeof key !== 'string') throw new Error('not_a_sealing_key');
  const { origin, pathname, search } = new URL(url);
  return exchange.seal(id, key, origin, pathname + search, JSON.stringify(body), Date.now() / 1000 + ahead);
}

async function post(url, more, body) {
  const headers = new Headers(more);
  headers.set('content-type', SEALED_REQUEST);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
    const type = response.headers.get('content-type')?.split(';')[0].trim();
    return { status: response.status, type, bytes: new Uint8Array(await response.arrayBuffer()) };
  } catch {
    throw new Error('network');
  }
}

// Anybody in between can have said this. What is believed of it only makes the client ask the server again.
function unsealed({ status, bytes }) {
  const code = ['unknown_sealing_key', 'stale_seal'].find((word) => new TextDecoder().decode(bytes).includes(`"${word}"`));
  return { status, ok: false, retryAfter: 0, body: { code: code ?? 'not_sealed' } };
}

self.addEventListener('message', async ({ data: { module, how, args, call } }) => {
  try {
    await init({ module_or_path: module });
    self.postMessage({ result: await run(begin[how](...args), call) });
  } catch (error) {
    self.postMessage({ error: error.message });
  }
});
