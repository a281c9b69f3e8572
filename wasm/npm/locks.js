// Tokens under a PIN, or under a key of the platform. Each call runs in a worker of its own, so that the page stays alive
// while the KDF runs, and so that everything in clear is gone with the worker.
//
// A request is { url, headers, body }: what the server wants beside the token. What comes back is { answer, locked }: the
// answer without its tokens ({ status, ok, retryAfter, body }), and the text to be kept instead of the one before, in one
// write, if there is any.

function call(name, ...args) {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const outcome = new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data: { result, error } }) => {
      if (error) reject(new Error(error));
      else resolve(result);
    });
    worker.addEventListener('error', () => reject(new Error('no_worker')));
    worker.postMessage({ name, args });
  });
  return outcome.finally(() => worker.terminate());
}

// A login whose answer has a `session_token`, which is locked under a new PIN.
export const beginWithPin = (request, pin) => call('begin', request, pin);

// An unlock with what is kept and a PIN, right or wrong. With `request.deviceKey`, 32 bytes, the `device_key_token` of the
// answer is locked under that key: `lockedByKey`.
export const openWithPin = (locked, pin, request) => call('open', locked, pin, request);

// An unlock whose answer is locked under another PIN.
export const changePin = (locked, pin, newPin, request) => call('open', locked, pin, request, newPin);

// An unlock with a key of the platform.
export const openWithKey = (locked, key, request) => call('openWithKey', locked, key, request);
