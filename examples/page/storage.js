// What is kept where:
//   localStorage   the locked token (useless without the PIN), the one under a key of the platform (useless without a
//                  finger or a face), the server's public key, and the username to greet
//   memory only    the access token, and credentials or PINs while a step needs them

export const TOKEN_KEY = 'pinlatch.wrapped_token';
export const USERNAME_KEY = 'pinlatch.username';
const DEVICE_KEY = 'pinlatch.device_key';
const SERVER_KEY = 'pinlatch.server_key';
const ALL_KEYS = [TOKEN_KEY, USERNAME_KEY, DEVICE_KEY, SERVER_KEY];
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

export function keepToken(token) {
  if (typeof token !== 'string') throw new Error('an answer without its token');
  keep(TOKEN_KEY, token);
}

export const storedKey = () => JSON.parse(store.getItem(DEVICE_KEY));
export const keepKey = (key) => keep(DEVICE_KEY, JSON.stringify(key));
export const forgetKey = () => store.removeItem(DEVICE_KEY);

// The key of the server that the device knows, ids and keys; nothing before it meets one. A device that has sealed its
// calls once goes on doing so.
export const storedServer = () => JSON.parse(store.getItem(SERVER_KEY));
export const keepServer = (keys) => keep(SERVER_KEY, JSON.stringify(keys));
export const hasMetServer = () => store.getItem(SERVER_KEY) !== null;

// A storage that is full must not cost the session: the page goes on in memory until it is closed. What is spent there
// does not stay behind; whose server it was does, or the next page would believe any.
export function keep(key, value) {
  try {
    store.setItem(key, value);
  } catch {
    const full = store;
    store = memoryStore();
    for (const kept of ALL_KEYS) {
      if (full.getItem(kept) !== null) store.setItem(kept, full.getItem(kept));
      if (kept !== SERVER_KEY) full.removeItem(kept);
    }
    store.setItem(key, value);
  }
}

export function forgetTokenIfStill(token) {
  if (storedToken() === token) store.removeItem(TOKEN_KEY);
}

// Whose server it was is remembered: the next login goes to that one. Returns the token that was kept.
export function forgetDevice() {
  return withTokenLock(() => {
    const token = storedToken();
    for (const key of ALL_KEYS) if (key !== SERVER_KEY) store.removeItem(key);
    return token;
  });
}

// Only one tab at a time may spend or replace the stored token.
export function withTokenLock(task) {
  return navigator.locks ? navigator.locks.request(LOCK_NAME, task) : task();
}
