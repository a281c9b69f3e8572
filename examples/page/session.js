// Beginning a session, and spending what the device keeps of it.

import { askServer, device, keepNewcomer } from './device.js';
import { sleep } from './format.js';
import { Problem, request, unlessBusy } from './server.js';
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
  'pin_change_unknown',
]);

// Those after which only what is kept under a key of the platform is.
const KEY_SPENT = new Set(['device_key_ended', 'wrong_pin']);

// Those after which nobody knows whether the server has done what it was asked for.
const OUTCOME_UNKNOWN = /^(network|not_sealed|not_the_answer|unavailable|http_.*)$/;

// What shows the server who somebody is: where it goes, with what, and whom to greet if that is known.
export const byPassword = (username, password) => ({ path: '/login', proof: { username, password }, username });
export const byCode = (challenge, code) => ({ path: '/otp/login', proof: { challenge, code }, username: '' });

// `here`: the PIN never leaves the device. Then what is kept begins with `plc1_`.
export async function createSession({ path, proof, username }, pin, here) {
  // Asked for first: a failure must not follow a login that has used its code up.
  const sealTo = await askServer();
  const body = { ...proof, device: deviceLabel() };
  return withTokenLock(async () => {
    keepToken(await (here ? beginHere(path, body, pin, sealTo) : begin(path, body, pin, sealTo)));
    keepNewcomer();
    forgetKey();
    keep(USERNAME_KEY, username);
  });
}

async function beginHere(url, body, pin, sealTo) {
  const { beginWithPin } = await device();
  const { locked } = await answered(() => beginWithPin({ url, body: { ...body, wrap: 'client' }, sealTo }, pin));
  return locked;
}

async function begin(url, body, pin, sealTo) {
  const { answer } = await post(url, { ...body, pin }, { sealTo });
  return answer.wrapped_token;
}

const isLockedHere = (token) => token.startsWith('plc1_');

// What the server answers to a PIN, and what is to be kept then.
async function withPin(token, pin, url, deviceKey) {
  const sealTo = await askServer();
  if (!isLockedHere(token)) {
    const { answer, keptByKey } = await post(url, { wrapped_token: token, pin }, { sealTo, deviceKey });
    return { answer, kept: answer.wrapped_token, keptByKey };
  }
  const { openWithPin } = await device();
  const opened = await answered(() => openWithPin(token, pin, { url, sealTo, deviceKey }));
  return { answer: opened.answer.body, kept: opened.locked, keptByKey: opened.lockedByKey };
}

// A call with a PIN in it that only the server is to see.
async function post(url, body, { sealTo, deviceKey }) {
  if (!sealTo) return { answer: await request('POST', url, { body }) };
  const { sealedPost } = await device();
  const { answer, lockedByKey } = await answered(() => sealedPost({ url, body, sealTo, deviceKey }));
  return { answer: answer.body, keptByKey: lockedByKey };
}

// What the worker brings; its problems are the server's.
function answered(call) {
  return unlessBusy(async () => {
    const outcome = await call().catch(({ message }) => {
      throw new Problem(message);
    });
    if (outcome.answer.ok) return outcome;
    const { body, status, retryAfter } = outcome.answer;
    throw new Problem(body.code ?? `http_${status}`, { details: body, retryAfter });
  });
}

// Ends the session of a token that was just forgotten. If that fails, it ends by itself.
export async function endSession(token) {
  const kept = isLockedHere(token) ? (await device()).logOutToken(token) : token;
  await postSealed('/forget', { kept });
}

export const startCode = (phone) => postSealed('/otp/start', { phone });
export const resendCode = (challenge) => postSealed('/otp/resend', { challenge });

async function postSealed(url, body) {
  return (await post(url, body, { sealTo: await askServer() })).answer;
}

export function authorize(pin) {
  return spendToken((token) => withPin(token, pin, '/authorize'));
}

export async function replacePin(pin, newPin) {
  await spendToken(async (token) => {
    const sealTo = await askServer();
    if (isLockedHere(token)) await checkPinHere(newPin);
    try {
      return await sendNewPin(token, pin, newPin, sealTo);
    } catch (problem) {
      throw OUTCOME_UNKNOWN.test(problem.code) ? giveUp(token) : problem;
    }
  }, forgetKey); // Every other way in ends with the old PIN.
}

async function sendNewPin(token, pin, newPin, sealTo) {
  if (!isLockedHere(token)) {
    const { answer } = await post('/pin', { wrapped_token: token, pin, new_pin: newPin }, { sealTo });
    return { answer, kept: answer.wrapped_token };
  }
  const { changePin } = await device();
  const { answer, locked } = await answered(() => changePin(token, pin, newPin, { url: '/pin', sealTo }));
  return { answer: answer.body, kept: locked };
}

// If the PIN was changed, the token is an old copy by now, and looks like a thief's when it is used again.
function giveUp(token) {
  if (storedToken() === token) forgetKey();
  endSession(token).catch(() => {});
  return new Problem('pin_change_unknown');
}

// Why a PIN that stays here is not good enough.
export async function checkPinHere(pin) {
  const { weakPin } = await device();
  const reason = weakPin(pin);
  if (reason) throw new Problem('weak_pin', { details: { reason } });
}

// Another way in: a key that the platform releases for a fingerprint or a face.
export async function addKey({ id, key }, pin) {
  const keepIt = ({ keptByKey: locked, answer }) => keepKey({ id, locked, since: answer.device_key_since });
  const grant = await spendToken((token) => withPin(token, pin, '/device-key/add', key), keepIt);
  key.fill(0);
  return grant;
}

export const removeKey = (pin) => spendToken((token) => withPin(token, pin, '/device-key/remove'), forgetKey);

// Other tabs go on while the platform asks for a finger.
export async function authorizeByKey() {
  const { fingerprint } = await device();
  const { id } = storedKey();
  const sealTo = await askServer();
  const key = await fingerprint.release(id);
  try {
    return await withTokenLock(() => spendKey(id, key, sealTo));
  } finally {
    key.fill(0);
  }
}

async function spendKey(id, key, sealTo) {
  if (!storedToken()) throw new Problem('signed_out_elsewhere');
  const kept = storedKey();
  if (kept?.id !== id) throw new Problem('device_key_ended');
  const isStill = () => storedKey()?.locked === kept.locked;
  const { openWithKey } = await device();
  try {
    const opened = await answered(() => openWithKey(kept.locked, key, { url: '/authorize', sealTo }));
    if (isStill()) keepKey({ ...kept, locked: opened.lockedByKey });
    return opened.answer.body;
  } catch (problem) {
    if ((TOKEN_SPENT.has(problem.code) || KEY_SPENT.has(problem.code)) && isStill()) forgetKey();
    throw problem;
  }
}

// `then` changes what else is kept, before another tab can.
function spendToken(call, then = () => {}) {
  return withTokenLock(async () => {
    const token = storedToken();
    if (!token) throw new Problem('signed_out_elsewhere');
    try {
      return keepNext(token, await call(token), then);
    } catch (problem) {
      if (problem.code === 'superseded') return spendNewerToken(token, problem, call, then);
      throw discardIfSpent(token, problem);
    }
  });
}

// Another tab has a newer token. Without Web Locks it may still be on its way to storage.
async function spendNewerToken(oldToken, problem, call, then) {
  if (storedToken() === oldToken) await sleep(SUPERSEDED_GRACE_MS);
  const token = storedToken();
  if (!token || token === oldToken) throw discardIfSpent(oldToken, problem);
  try {
    return keepNext(token, await call(token), then);
  } catch (secondProblem) {
    throw discardIfSpent(token, secondProblem);
  }
}

// Without Web Locks another tab may have been faster. What it has stored since is newer than a late answer.
function keepNext(token, opened, then) {
  if (storedToken() === token) {
    keepToken(opened.kept);
    then(opened);
  }
  return opened.answer;
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
