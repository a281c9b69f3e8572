// Where the KDF runs. Tokens are in clear only inside the WebAssembly, which ends with this worker: what is sent is sealed
// for the server, and what it answers is sealed for this call.

import init, { Exchange } from './dist/pinlatch.js';

const SEALED_REQUEST = 'application/pinlatch-sealed-request';
const SEALED_ANSWER = 'application/pinlatch-sealed-response';
const TIMEOUT_MS = 30_000;

const ready = init();

const begin = {
  bare: () => Exchange.bare(),
  login: (pin) => Exchange.begin(pin),
  pin: (locked, pin, newPin) => Exchange.withPin(locked, pin, newPin),
  key: (locked, key) => Exchange.withKey(locked, key),
};

async function run(exchange, { url, headers, body = {}, sealTo: [id, key], deviceKey }) {
  if (deviceKey) exchange.addKey(deviceKey);
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': SEALED_REQUEST },
    body: exchange.seal(Number(id), key, new URL(url).pathname, JSON.stringify(body)),
    signal: AbortSignal.timeout(TIMEOUT_MS),
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
  });
  const { status, ok } = response;
  const answer = { status, ok, retryAfter: response.headers.get('retry-after') };
  if (response.headers.get('content-type') !== SEALED_ANSWER) return { answer: await unsealed(response, answer) };
  const opened = exchange.open(new Uint8Array(await response.arrayBuffer()));
  const { body: text, locked, lockedByKey } = opened;
  return { answer: { ...answer, body: JSON.parse(text) }, locked, lockedByKey };
}

// Anybody in between can have said this. The one thing that is believed only makes the client ask for the keys again.
async function unsealed(response, answer) {
  const { code } = await response.json().catch(() => ({}));
  return { ...answer, ok: false, body: code === 'unknown_sealing_key' ? { code } : {} };
}

self.addEventListener('message', async ({ data: { how, args, request } }) => {
  try {
    await ready;
    self.postMessage({ result: await run(begin[how](...args), request) });
  } catch (error) {
    const network = error instanceof TypeError || error instanceof DOMException;
    self.postMessage({ error: network ? 'network' : error.message });
  }
});
