// What is kept where:
//   localStorage   the wrapped token (useless without the PIN) and the username to greet
//   memory only    the access token, and credentials or PINs while a step needs them

export const TOKEN_KEY = 'pinlatch.wrapped_token';
export const USERNAME_KEY = 'pinlatch.username';
const LOCK_NAME = 'pinlatch.token';

let store = openStore();

function openStore() {
  try {
    localStorage.getItem(TOKEN_KEY);
    return localStorage;
  } catch {
    return memoryStore(); // Storage is blocked: the page works until it is closed.
  }
}

function memoryStore() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
  };
}

export const storedToken = () => store.getItem(TOKEN_KEY);
export const storedUsername = () => store.getItem(USERNAME_KEY) ?? '';

export function keepToken(answer) {
  keep(TOKEN_KEY, answer.wrapped_token);
  return answer;
}

// A storage that is full must not cost the session: the page goes on in memory until it is closed.
export function keep(key, value) {
  try {
    store.setItem(key, value);
  } catch {
    const full = store;
    store = memoryStore();
    for (const kept of [TOKEN_KEY, USERNAME_KEY]) {
      store.setItem(kept, full.getItem(kept));
      full.removeItem(kept);
    }
    store.setItem(key, value);
  }
}

export function forgetTokenIfStill(token) {
  if (storedToken() === token) store.removeItem(TOKEN_KEY);
}

export function forgetDevice() {
  return withTokenLock(() => {
    store.removeItem(TOKEN_KEY);
    store.removeItem(USERNAME_KEY);
  });
}

// Only one tab at a time may spend or replace the stored token.
export function withTokenLock(task) {
  return navigator.locks ? navigator.locks.request(LOCK_NAME, task) : task();
}
