// Where the KDF runs, and where tokens are in clear: they never get into the page.

import init, { PinUnlock, lockWithKey, lockWithPin, unlockWithKey } from './dist/pinlatch.js';

const ready = init();

// Sends a token, and takes the next one out of the answer.
async function exchange(sessionToken, { url, headers, body }) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, session_token: sessionToken }),
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
  });
  const retryAfter = response.headers.get('retry-after');
  const answer = await response.json().catch(() => ({}));
  const { session_token: next, ...rest } = answer;
  return { next, answer: { status: response.status, ok: response.ok, retryAfter, body: rest } };
}

const calls = {
  // Begins: the token comes with the answer to a login.
  async begin({ url, headers, body }, pin) {
    const { next, answer } = await exchange(undefined, { url, headers, body });
    return { answer, locked: next && lockWithPin(next, pin) };
  },

  // Opens with a PIN; the next token is locked under the same, or under a new one.
  async open(locked, pin, request, newPin) {
    const unlock = new PinUnlock(locked, pin);
    const { next, answer } = await exchange(unlock.sessionToken, request);
    if (!next) {
      unlock.free();
      return { answer };
    }
    if (newPin === undefined) return addKey(answer, unlock.lock(next), request.deviceKey);
    unlock.free();
    return { answer, locked: lockWithPin(next, newPin) };
  },

  // Opens with a key of the platform.
  async openWithKey(locked, key, request) {
    const { next, answer } = await exchange(unlockWithKey(locked, key), request);
    return { answer, locked: next && lockWithKey(next, key) };
  },
};

// A token for a key of the platform, if one was asked for.
function addKey(answer, locked, key) {
  const { device_key_token: token, ...body } = answer.body;
  if (!token || !key) return { answer, locked };
  return { answer: { ...answer, body }, locked, lockedByKey: lockWithKey(token, key) };
}

self.addEventListener('message', async ({ data: { name, args } }) => {
  try {
    await ready;
    self.postMessage({ result: await calls[name](...args) });
  } catch (error) {
    self.postMessage({ error: error instanceof TypeError ? 'network' : error.message });
  }
});
