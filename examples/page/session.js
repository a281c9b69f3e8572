// Beginning a session, and spending what the device keeps of it.

import { device } from './device.js';
import { sleep } from './format.js';
import { Problem, request } from './server.js';
import {
  USERNAME_KEY,
  forgetKey,
  forgetTokenIfStill,
  keep,
  keepKey,
  keepToken,
  storedKey,
  storedToken,
  withTokenLock,
} from './storage.js';

const SUPERSEDED_GRACE_MS = 300;

// Problem codes after which the stored token is of no more use.
const TOKEN_SPENT = new Set([
  'locked_out',
  'session_ended',
  'token_reused',
  'log_in_again',
  'superseded',
  'invalid_wrapped_token',
]);

// What shows the server who somebody is: where it goes, with what, and whom to greet if that is known.
export const byPassword = (username, password) => ({ path: '/login', proof: { username, password }, username });
export const byCode = (challenge, code) => ({ path: '/otp/login', proof: { challenge, code }, username: '' });

// `here`: the PIN never leaves the device. Then what is kept begins with `plc1_`.
export function createSession({ path, proof, username }, pin, here) {
  const body = { ...proof, device: deviceLabel() };
  return withTokenLock(async () => {
    forgetKey();
    if (here) {
      const { beginWithPin } = await device();
      const { locked } = await askHere(() => beginWithPin({ url: path, body: { ...body, wrap: 'client' } }, pin));
      keepToken(locked);
    } else {
      const answer = await request('POST', path, { body: { ...body, pin } });
      keepToken(answer.wrapped_token);
    }
    keep(USERNAME_KEY, username);
  });
}

const isLockedHere = (token) => token.startsWith('plc1_');

// What the server answers to a PIN, and what is to be kept then.
async function withPin(token, pin, url, deviceKey) {
  const { lockWithKey, openWithPin } = (await device()) ?? {};
  if (isLockedHere(token)) {
    const opened = await askHere(() => openWithPin(token, pin, { url, body: {}, deviceKey }));
    return { answer: opened.answer.body, kept: opened.locked, keptByKey: opened.lockedByKey };
  }
  const { device_key_token: keyToken, ...answer } = await request('POST', url, { body: { wrapped_token: token, pin } });
  return { answer, kept: answer.wrapped_token, keptByKey: keyToken && lockWithKey(keyToken, deviceKey) };
}

// A call that the worker makes; its problems are the server's.
async function askHere(call) {
  const outcome = await call().catch(({ message }) => {
    throw new Problem(message);
  });
  if (outcome.answer.ok) return outcome;
  const { body, status, retryAfter } = outcome.answer;
  const seconds = Math.max(0, Number(retryAfter) || 0);
  throw new Problem(body.code ?? `http_${status}`, { details: body, retryAfter: seconds });
}

export const startCode = (phone) => request('POST', '/otp/start', { body: { phone } });
export const resendCode = (challenge) => request('POST', '/otp/resend', { body: { challenge } });

export function authorize(pin) {
  return spendToken((token) => withPin(token, pin, '/authorize'));
}

export async function replacePin(pin, newPin) {
  await spendToken(async (token) => {
    if (isLockedHere(token)) return replacePinHere(token, pin, newPin);
    const answer = await request('POST', '/pin', { body: { wrapped_token: token, pin, new_pin: newPin } });
    return { answer, kept: answer.wrapped_token };
  });
  forgetKey(); // Every other way in ends with the old PIN.
}

async function replacePinHere(token, pin, newPin) {
  const { changePin } = await device();
  await checkPinHere(newPin);
  const { answer, locked } = await askHere(() => changePin(token, pin, newPin, { url: '/pin', body: {} }));
  return { answer: answer.body, kept: locked };
}

// Why a PIN that stays here is not good enough.
export async function checkPinHere(pin) {
  const { weakPin } = await device();
  const reason = weakPin(pin);
  if (reason) throw new Problem('weak_pin', { details: { reason } });
}

// Another way in: a key that the platform releases for a fingerprint or a face.
export async function addKey({ id, key }, pin) {
  let locked;
  const grant = await spendToken(async (token) => {
    const opened = await withPin(token, pin, '/device-key/add', key);
    locked = opened.keptByKey;
    return opened;
  });
  key.fill(0);
  keepKey({ id, locked });
  return grant;
}

export async function removeKey(pin) {
  const grant = await spendToken((token) => withPin(token, pin, '/device-key/remove'));
  forgetKey();
  return grant;
}

export function authorizeByKey() {
  return withTokenLock(async () => {
    const { fingerprint, openWithKey } = await device();
    const { id, locked } = storedKey();
    const key = await fingerprint.release(id);
    try {
      const opened = await askHere(() => openWithKey(locked, key, { url: '/authorize', body: {} }));
      keepKey({ id, locked: opened.locked });
      return opened.answer.body;
    } catch (problem) {
      if (TOKEN_SPENT.has(problem.code) || problem.code === 'wrong_pin') forgetKey();
      throw problem;
    } finally {
      key.fill(0);
    }
  });
}

function spendToken(call) {
  return withTokenLock(async () => {
    const token = storedToken();
    if (!token) throw new Problem('signed_out_elsewhere');
    try {
      return keepNext(await call(token));
    } catch (problem) {
      if (problem.code === 'superseded') return spendNewerToken(token, problem, call);
      throw discardIfSpent(token, problem);
    }
  });
}

// Another tab has a newer token. Without Web Locks it may still be on its way to storage.
async function spendNewerToken(oldToken, problem, call) {
  if (storedToken() === oldToken) await sleep(SUPERSEDED_GRACE_MS);
  const token = storedToken();
  if (!token || token === oldToken) throw discardIfSpent(oldToken, problem);
  try {
    return keepNext(await call(token));
  } catch (secondProblem) {
    throw discardIfSpent(token, secondProblem);
  }
}

function keepNext({ answer, kept }) {
  keepToken(kept);
  return answer;
}

function discardIfSpent(token, problem) {
  if (TOKEN_SPENT.has(problem.code)) forgetTokenIfStill(token);
  return problem;
}

const BROWSERS = [
  ['Edge', /Edg(e|A|iOS)?\//],
  ['Opera', /OPR\//],
  ['Samsung Internet', /SamsungBrowser\//],
  ['Firefox', /(Firefox|FxiOS)\//],
  ['Chrome', /(Chrome|CriOS)\//],
  ['Safari', /Safari\//],
];

const SYSTEMS = [
  ['iPhone', /iPhone/],
  ['iPad', /iPad/],
  ['Android', /Android/],
  ['ChromeOS', /CrOS/],
  ['Windows', /Windows/],
  ['Mac', /Mac OS X/],
  ['Linux', /Linux/],
];

function deviceLabel() {
  const find = (table, fallback) =>
    table.find(([, pattern]) => pattern.test(navigator.userAgent))?.[0] ?? fallback;
  return `${find(BROWSERS, 'Browser')} on ${find(SYSTEMS, 'another system')}`;
}
