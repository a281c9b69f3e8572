// What people are told.

import { formatClock, formatMoment, plural } from './format.js';

export const MIN_PIN = 6;

const WEAK_PIN = {
  too_short: `Use at least ${MIN_PIN} characters.`,
  repeated: 'Too much repetition. Mix it up a little.',
  sequence: 'That counts up or down. Mix it up a little.',
  common: 'That is among the first PINs people guess.',
  date: 'Years and dates are easy to guess.',
  keypad: 'Patterns on the keypad are easy to guess.',
};

const NO_CONNECTION = 'We can’t reach the server. Check your connection and try again.';

export const PINS_DIFFER = 'The two PINs are different. Choose again.';

const PROBLEMS = {
  invalid_credentials: 'Wrong username or password.',
  bad_request: 'The server could not use that. Please try again.',
  wrong_pin: 'Wrong PIN.',
  otp_wrong: 'Wrong code.',
  otp_ended: 'That code is used, too old, or was tried too often. Ask for a new one.',
  throttled: 'Too many tries. Take a short break.',
  invalid_wrapped_token: 'The saved session is damaged. Please log in again.',
  busy: 'The server is busy. Try again in a moment.',
  overloaded: 'The server is very busy. Try again in a moment.',
  unavailable: 'The service is not available right now. Try again in a moment.',
  not_sealed: 'The server’s answer got lost on its way. Please try again.',
  not_the_answer: 'The server’s answer got lost on its way. Please try again.',
  network: NO_CONNECTION,
  no_worker: NO_CONNECTION,
  no_wasm: NO_CONNECTION,
};

const SESSION_OVER = {
  title: 'Your session has ended',
  text: () => 'It was closed or has run out. Log in with your password to continue.',
};

export const ENDINGS = {
  session_ended: SESSION_OVER,
  superseded: SESSION_OVER,
  locked_out: {
    title: 'Too many wrong PINs',
    text: () => 'To keep your account safe, this PIN no longer works here. Log in with your password and choose a new one.',
  },
  token_reused: {
    title: 'We closed this session',
    text: () => 'An old copy of this session was used somewhere, so we ended it to keep you safe. Log in again, then check your sessions.',
  },
  log_in_again: {
    title: 'Time to log in again',
    text: () => 'From here a PIN is not enough. Log in with your password, so that we know it is you.',
  },
  pin_change_unknown: {
    title: 'Log in again',
    text: () => 'The server’s answer got lost, so we don’t know whether your PIN was changed. Log in with your password and choose a new one.',
  },
  unknown_server: {
    title: 'This is not the server you know',
    text: () => 'Somebody else answers in its place, or its key has changed. Do not enter your PIN. If the people who run this service tell you that all is well, log in again.',
    retry: 'Try again',
    login: true,
  },
  unreachable: {
    title: 'We can’t reach the server',
    text: () => 'Check your connection, then try again.',
    retry: 'Try again',
  },
  denied: {
    title: 'Not allowed right now',
    text: ({ retry_at: retryAt }) =>
      Number.isFinite(retryAt)
        ? `From where you are, you can come back ${formatMoment(retryAt)}. Your PIN will still work.`
        : 'From where you are, this account can’t be used. Your PIN will still work elsewhere.',
    retry: 'Back to the PIN pad',
  },
  outside_hours: {
    title: 'Closed right now',
    text: ({ opens }) =>
      Number.isFinite(opens)
        ? `You can come back ${formatMoment(opens)}. Your PIN will still work.`
        : 'Access is switched off for this account. Ask the people who run this service.',
    retry: 'Back to the PIN pad',
  },
};

export function describe(problem) {
  const { code, details } = problem;
  if (code === 'weak_pin') return WEAK_PIN[details.reason] ?? 'That PIN is easy to guess. Choose another one.';
  if (code === 'wrong_pin' && Number.isInteger(details.attempts_remaining)) {
    return `${PROBLEMS.wrong_pin} ${plural(details.attempts_remaining, 'attempt')} left.`;
  }
  if (code === 'otp_wrong' && Number.isInteger(details.tries_remaining)) {
    return `${PROBLEMS.otp_wrong} ${plural(details.tries_remaining, 'attempt')} left.`;
  }
  if (code === 'otp_throttled') {
    return `That is too often. You can go on in ${formatClock(Math.ceil(problem.retryAfter))}.`;
  }
  return PROBLEMS[code] ?? `Something went wrong (${code}). Please try again.`;
}

export const notice = (tone, text) => ({ tone, text });

export const NOT_A_NUMBER = notice('error', 'Enter the number with its country code, such as +44 7700 900123.');
export const LOGGED_IN_ELSEWHERE = notice('info', 'Somebody else logged in in another tab.');
export const LOGGED_OUT_ELSEWHERE = notice('info', 'You were logged out in another tab.');
