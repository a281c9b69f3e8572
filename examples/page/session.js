// Beginning a session, and spending its wrapped token.

import { sleep } from './format.js';
import { Problem, request } from './server.js';
import {
  USERNAME_KEY,
  forgetTokenIfStill,
  keep,
  keepToken,
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

export function createSession({ path, proof, username }, pin) {
  const body = { ...proof, pin, device: deviceLabel() };
  return withTokenLock(async () => {
    keepToken(await request('POST', path, { body }));
    keep(USERNAME_KEY, username);
  });
}

export const startCode = (phone) => request('POST', '/otp/start', { body: { phone } });
export const resendCode = (challenge) => request('POST', '/otp/resend', { body: { challenge } });

export function authorize(pin) {
  return spendToken((token) => request('POST', '/authorize', { body: { wrapped_token: token, pin } }));
}

export function replacePin(pin, newPin) {
  return spendToken((token) =>
    request('POST', '/pin', { body: { wrapped_token: token, pin, new_pin: newPin } }),
  );
}

function spendToken(call) {
  return withTokenLock(async () => {
    const token = storedToken();
    if (!token) throw new Problem('signed_out_elsewhere');
    try {
      return keepToken(await call(token));
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
    return keepToken(await call(token));
  } catch (secondProblem) {
    throw discardIfSpent(token, secondProblem);
  }
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
