// Tokens under a PIN, or under a key of the platform. Each call runs in a worker of its own, so that the page stays
// alive while the KDF runs, and so that everything in clear is gone with the worker.
//
// A call is { url, headers, body, sealTo, deviceKey }: what the server wants beside the token, and the key for which
// all of it is sealed. What comes back is { answer, locked, lockedByKey }: the answer without its tokens ({ status, ok,
// retryAfter, body }), and the texts to be kept instead of those before, in one write each, if there are any.

import { load } from './load.js';

const TIMEOUT_MS = 60_000;

function begin() {
  try {
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  } catch {
    throw new Error('no_worker');
  }
}

async function run(how, args, { url, ...call }) {
  const module = await load();
  const worker = begin();
  let timer;
  const outcome = new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data: { result, error } }) => {
      if (error) reject(new Error(error));
      else resolve(result);
    });
    worker.addEventListener('error', () => reject(new Error('no_worker')));
    timer = setTimeout(() => reject(new Error('network')), TIMEOUT_MS);
    worker.postMessage({ module, how, args, call: { ...call, url: new URL(url, location.href).href } });
  });
  return outcome.finally(() => {
    clearTimeout(timer);
    worker.terminate();
  });
}

// A login whose answer has a `session_token`, which is locked under a new PIN.
export const beginWithPin = (call, pin) => run('login', [pin], call);

// An unlock with what is kept and a PIN, right or wrong. With `call.deviceKey`, 32 bytes, the `device_key_token` of the
// answer is locked under that key: `lockedByKey`.
export const openWithPin = (locked, pin, call) => run('pin', [locked, pin], call);

// A change of the PIN: the token of the answer is locked under the new one.
export const changePin = (locked, pin, newPin, call) => run('pin', [locked, pin, newPin], call);

// An unlock with a key of the platform; what is to be kept is `lockedByKey`.
export const openWithKey = (lockedByKey, key, call) => run('key', [lockedByKey, key], call);

// A call that has everything in its body, such as a wrapped token and a PIN that the server is to see, and nobody else.
export const sealedPost = (call) => run('bare', [], call);
