// Tokens under a PIN, or under a key of the platform. Each call runs in a worker of its own, so that the page stays alive
// while the KDF runs, and so that everything in clear is gone with the worker.
//
// A request is { url, headers, body, sealTo, deviceKey }: what the server wants beside the token, and the key for which all of
// it is sealed. What comes back is { answer, locked, lockedByKey }: the answer without its tokens
// ({ status, ok, retryAfter, body }), and the texts to be kept instead of those before, in one write each, if there are any.

function call(how, args, { url, ...request }) {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const outcome = new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data: { result, error } }) => {
      if (error) reject(new Error(error));
      else resolve(result);
    });
    worker.addEventListener('error', () => reject(new Error('no_worker')));
    worker.postMessage({ how, args, request: { ...request, url: new URL(url, location.href).href } });
  });
  return outcome.finally(() => worker.terminate());
}

// A login whose answer has a `session_token`, which is locked under a new PIN.
export const beginWithPin = (request, pin) => call('login', [pin], request);

// An unlock with what is kept and a PIN, right or wrong. With `request.deviceKey`, 32 bytes, the `device_key_token` of the
// answer is locked under that key: `lockedByKey`.
export const openWithPin = (locked, pin, request) => call('pin', [locked, pin], request);

// An unlock whose answer is locked under another PIN.
export const changePin = (locked, pin, newPin, request) => call('pin', [locked, pin, newPin], request);

// An unlock with a key of the platform.
export const openWithKey = (locked, key, request) => call('key', [locked, key], request);

// A call that has everything in its body, such as a wrapped token and a PIN that the server is to see, and nobody else.
export const sealedPost = (request) => call('bare', [], request);
