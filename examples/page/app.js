// Demo page of pinlatch: sign in once with full credentials, come back with a PIN.

import { CodeForm } from './code.js';
import { askServer, believeNewcomer, believeNoNewcomer, device } from './device.js';
import { countDown, formatClock, formatRelative, plural } from './format.js';
import { PinPad } from './pad.js';
import { $, announce, setBodyData, setNotice, setTitle } from './screen.js';
import { Problem, request } from './server.js';
import {
  addKey,
  authorize,
  authorizeByKey,
  byCode,
  byPassword,
  checkPinHere,
  createSession,
  endSession,
  removeKey,
  replacePin,
  resendCode,
  startCode,
} from './session.js';
import {
  TOKEN_KEY,
  USERNAME_KEY,
  forgetDevice,
  keep,
  storedKey,
  storedToken,
  storedUsername,
} from './storage.js';
import {
  ENDINGS,
  LOGGED_IN_ELSEWHERE,
  LOGGED_OUT_ELSEWHERE,
  MIN_PIN,
  NOT_A_NUMBER,
  PINS_DIFFER,
  describe,
  notice,
} from './words.js';

// ---------------------------------------------------------------- views

const SECTIONS = {
  login: 'login-view',
  phone: 'phone-view',
  code: 'code-view',
  'choose-pin': 'pin-view',
  pin: 'pin-view',
  'change-pin': 'pin-view',
  'add-key': 'pin-view',
  'remove-key': 'pin-view',
  unlocked: 'unlocked-view',
  ended: 'ended-view',
};

const PAD_SCREENS = {
  pin: {
    hint: 'Enter your PIN to unlock.',
    action: 'Unlock',
    submit: submitPin,
  },
  'choose-pin first': {
    title: 'Choose a PIN',
    hint: `At least ${MIN_PIN} digits that are hard to guess.`,
    action: 'Continue',
    submit: submitChosenPin,
  },
  'choose-pin repeat': {
    title: 'Repeat your PIN',
    hint: 'Enter the same PIN once more.',
    action: 'Finish',
    submit: submitChosenPinAgain,
  },
  'add-key': {
    title: 'Enter your PIN',
    hint: 'From then on, a fingerprint or your face will do.',
    action: 'Continue',
    submit: submitPinForKey,
  },
  'remove-key': {
    title: 'Enter your PIN',
    hint: 'From then on, only your PIN will do.',
    action: 'Continue',
    submit: submitPinWithoutKey,
  },
  'change-pin old': {
    title: 'Enter your current PIN',
    hint: 'Then you can choose a new one.',
    action: 'Continue',
    submit: submitOldPin,
  },
  'change-pin first': {
    title: 'Choose a new PIN',
    hint: `At least ${MIN_PIN} digits that are hard to guess.`,
    action: 'Continue',
    submit: submitNewPin,
  },
  'change-pin repeat': {
    title: 'Repeat your new PIN',
    hint: 'Enter the same PIN once more.',
    action: 'Change PIN',
    submit: submitNewPinAgain,
  },
};

let hasDevice = false; // whether the npm package is there
let asking = 0; // counts the times that the server was asked who it is
let access = null; // { token, username, controller, stopCountdown } while unlocked
let credentials = null; // what the log-in call shows, between the first step and that call
let draft = {}; // PINs and keys of earlier steps of the current flow

const pad = new PinPad(submitPad);
const codeForm = new CodeForm({ onCode: submitCode, onResend: resend });

function submitPad(pin) {
  setNotice();
  return currentPadScreen().submit(pin);
}

function showOnPad(problem) {
  const text = describe(problem);
  pad.fail(text);
  pad.wait(problem.retryAfter, problem.code === 'wrong_pin' ? text : 'You can try again now.');
}

function currentView() {
  return document.body.dataset.view;
}

function currentPadScreen() {
  const { view, step } = document.body.dataset;
  return PAD_SCREENS[step ? `${view} ${step}` : view];
}

function show(view, { step, reason, message } = {}) {
  asking += 1; // An answer of the server that is still on its way shows nothing any more.
  if (!['choose-pin', 'code'].includes(view)) {
    credentials = null;
    codeForm.close();
  }
  if (!['choose-pin', 'change-pin', 'code', 'add-key'].includes(view)) draft = {};
  setBodyData({ view, step, reason });
  for (const section of document.querySelectorAll('main > section')) {
    section.hidden = section.id !== SECTIONS[view];
  }
  if ($('pin-view').hidden) pad.close();
  setForgetPanel(false);
  setNotice(message);
  scrollTo(0, 0);
}

function showLogin(message) {
  dropAccess();
  show('login', { message });
  setTitle('Log in');
  announce('Log in');
  const username = $('username');
  username.value ||= storedUsername();
  (username.value ? $('password') : username).focus();
}

function showPhone(message) {
  show('phone', { message });
  setTitle('Log in');
  announce('Log in with a text message');
  $('phone').focus();
}

function showCode(message) {
  show('code', { message });
  setTitle('Enter the code');
  announce('Enter the code from the message.');
  codeForm.open();
}

function showPad(view, step, message) {
  show(view, { step, message });
  $('forget').hidden = view !== 'pin';
  $('pin-cancel').hidden = view === 'pin';
  $('pin-cancel').textContent = view === 'choose-pin' ? 'Back' : 'Cancel';
  $('here-choice').hidden = !(view === 'choose-pin' && step === 'first' && hasDevice);
  $('key-unlock').hidden = !(view === 'pin' && hasDevice && storedKey());
  const screen = currentPadScreen();
  const title = screen.title ?? welcome();
  setTitle(title);
  pad.open({ ...screen, title });
}

function welcome() {
  const username = storedUsername();
  return username ? `Welcome back, ${username}` : 'Welcome back';
}

// The pad is shown when the server has proven who it is: nobody is asked for a PIN by somebody else.
async function showPin(message) {
  dropAccess();
  believeNoNewcomer();
  asking += 1;
  const asked = asking;
  const problem = await checkServer();
  if (asked !== asking) return;
  if (problem) showEnded(problem);
  else showPad('pin', undefined, message);
}

// What is wrong with the server, if anything.
function checkServer() {
  return askServer().then(
    () => null,
    (problem) => (problem.code === 'network' ? new Problem('unreachable') : problem),
  );
}

function showChoosePin(step) {
  showPad('choose-pin', step);
}

function showChangePin(step) {
  showPad('change-pin', step);
}

function showUnlocked(message) {
  show('unlocked', { message });
  setTitle('Unlocked');
  const username = storedUsername();
  $('greeting').textContent = username ? `Hello, ${username}` : 'Hello';
  $('greeting').focus();
  $('last-use').textContent = formatRelative(access.previousUse);
  refreshSessions().catch(reportProblem);
  if (!username) learnUsername().catch(reportProblem);
  showKeyButtons().catch(reportProblem);
}

function showEnded({ code, details }) {
  const ending = ENDINGS[code];
  dropAccess();
  believeNoNewcomer();
  show('ended', { reason: code });
  setTitle(ending.title);
  $('ended-title').textContent = ending.title;
  $('ended-text').textContent = ending.text(details);
  $('ended-login').hidden = Boolean(ending.retry && !ending.login);
  $('ended-login').className = ending.retry ? 'secondary' : 'primary';
  $('ended-retry').hidden = !ending.retry;
  $('ended-retry').textContent = ending.retry ?? '';
  $('ended-title').focus();
  announce($('ended-text').textContent);
}

// The best place to be without entering anything else: unlocked, the pad, or the log-in form.
function goHome(message) {
  if (access) showUnlocked(message);
  else if (storedToken()) showPin(message);
  else showLogin(message);
}

// ---------------------------------------------------------------- access token

function openAccess(grant) {
  dropAccess();
  $('countdown-bar').max = grant.expires_in;
  access = {
    token: grant.access_token,
    send: () => signedSend(grant),
    username: storedUsername(),
    previousUse: grant.previous_unlock_at,
    keySince: grant.device_key_since,
    controller: new AbortController(),
    stopCountdown: countDown(grant.expires_in, showAccessLeft, accessExpired),
  };
}

// Signs what it sends, where there is the package for it.
async function signedSend({ session_id: sessionId, request_key: requestKey, access_token: accessToken }) {
  const [pinlatch, sealing] = [await device(), await askServer()];
  return pinlatch?.signer({ sessionId, requestKey, accessToken, ahead: sealing.ahead });
}

function showAccessLeft(left) {
  const text = formatClock(left);
  if ($('countdown').textContent !== text) $('countdown').textContent = text;
  $('countdown-bar').value = left;
}

// A PIN change that is under way finishes first and then finds the way itself.
function accessExpired() {
  if (pad.busy) dropAccess();
  else lock(notice('info', 'Your access ran out. Enter your PIN to continue.'));
}

function dropAccess() {
  access?.stopCountdown();
  access?.controller.abort();
  access = null;
  $('api-result').textContent = '';
  $('sessions').replaceChildren();
}

function lock(message) {
  dropAccess();
  goHome(message);
}

function callServer(method, path) {
  return request(method, path, { bearer: access.token, signal: access.controller.signal });
}

function reportProblem(problem) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.code === 'cancelled') return;
  if (problem.code === 'invalid_token') lock(notice('info', 'Your access has ended. Enter your PIN to continue.'));
  else if (problem.code === 'unknown_server') showEnded(problem);
  else setNotice(notice('error', describe(problem)));
}

// ---------------------------------------------------------------- log in

function submitCredentials(event) {
  event.preventDefault();
  const { username, password } = event.target.elements;
  credentials = byPassword(username.value.trim(), password.value);
  password.value = '';
  showChoosePin('first');
}

async function submitPhone() {
  const phone = $('phone').value.trim();
  try {
    codeForm.expect(phone, await startCode(phone));
  } catch (problem) {
    if (problem.code !== 'bad_request') throw problem;
    setNotice(NOT_A_NUMBER);
    return;
  }
  showCode();
}

// A PIN that was chosen before a wrong code is still good.
function submitCode(code) {
  credentials = byCode(codeForm.challenge, code);
  if (draft.newPin) runOnce($('code-submit'), () => beginSession(draft.newPin));
  else showChoosePin('first');
}

async function resend(challenge) {
  try {
    codeForm.expect($('code-phone').textContent, await resendCode(challenge));
    showCode(notice('info', 'Another message is on its way.'));
  } catch (problem) {
    if (problem.code === 'otp_ended') {
      showPhone(notice('error', describe(problem)));
      return;
    }
    codeForm.waitForNext(problem.retryAfter ?? 0);
    reportProblem(problem);
  }
}

async function submitChosenPin(pin) {
  draft.here = $('pin-here').checked;
  if (draft.here) {
    try {
      await checkPinHere(pin);
    } catch (problem) {
      showOnPad(problem);
      return;
    }
  }
  draft.newPin = pin;
  showChoosePin('repeat');
}

async function submitChosenPinAgain(pin) {
  if (!takeMatchingPin(pin)) {
    showChoosePin('first');
    pad.fail(PINS_DIFFER);
    return;
  }
  await beginSession(pin);
}

async function beginSession(pin) {
  try {
    await createSession(credentials, pin, draft.here);
  } catch (problem) {
    showLoginProblem(problem, pin);
    return;
  }
  credentials = null;
  $('username').value = '';
  await submitPin(pin);
}

function takeMatchingPin(pin) {
  const matches = draft.newPin === pin;
  delete draft.newPin;
  return matches;
}

function showLoginProblem(problem, pin) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.code === 'unknown_server') {
    showEnded(problem);
    return;
  }
  if (problem.code === 'bad_request' && credentials?.proof.challenge) {
    showCodeProblem(problem, pin);
    return;
  }
  if (['invalid_credentials', 'bad_request'].includes(problem.code)) {
    showLogin(notice('error', describe(problem)));
    return;
  }
  if (problem.code.startsWith('otp_')) {
    showCodeProblem(problem, pin);
    return;
  }
  const weak = problem.code === 'weak_pin';
  if (!weak) draft.newPin = pin;
  showChoosePin(weak ? 'first' : 'repeat');
  showOnPad(problem);
}

function showCodeProblem(problem, pin) {
  if (problem.code === 'otp_ended' || problem.details.tries_remaining === 0) {
    showPhone(notice('error', describe(new Problem('otp_ended'))));
    return;
  }
  draft.newPin = pin;
  showCode();
  codeForm.fail(describe(problem));
}

// ---------------------------------------------------------------- unlock

async function submitPin(pin) {
  try {
    const grant = await authorize(pin);
    openAccess(grant);
    showUnlocked(failedAttemptsNotice(grant.failed_attempts));
  } catch (problem) {
    showPinProblem(problem, returnToPin);
  }
}

async function unlockByKey() {
  try {
    const grant = await authorizeByKey();
    openAccess(grant);
    showUnlocked(failedAttemptsNotice(grant.failed_attempts));
  } catch (problem) {
    // The user has turned away, or the platform has; the PIN is still there.
    if (!(problem instanceof Problem)) setNotice(notice('info', 'That did not work. Your PIN still does.'));
    else if (['device_key_ended', 'wrong_pin', 'throttled'].includes(problem.code)) showPin(notice('info', 'Enter your PIN this time.'));
    else showPinProblem(problem, returnToPin);
  }
}

async function showKeyButtons() {
  const pinlatch = await device();
  $('transfer').hidden = !pinlatch;
  const has = storedKey() !== null;
  const isElsewhere = Boolean(access?.keySince) && storedKey()?.since !== access.keySince;
  $('key-elsewhere').hidden = !isElsewhere;
  $('remove-key').hidden = !has && !isElsewhere;
  $('add-key').hidden = has || !(await pinlatch?.fingerprint.available());
}

async function startAddingKey() {
  const { fingerprint } = await device();
  let key;
  try {
    key = await fingerprint.enroll({ user: storedUsername(), site: 'pinlatch' });
  } catch {
    setNotice(notice('error', 'This device has no key for that.'));
    return;
  }
  showPad('add-key');
  draft.key = key;
}

async function submitPinForKey(pin) {
  try {
    const grant = await addKey(draft.key, pin);
    openAccess(grant);
    showUnlocked(notice('success', 'Next time, a fingerprint or your face is enough.'));
  } catch (problem) {
    showPinProblem(problem, () => {});
  }
}

async function submitPinWithoutKey(pin) {
  try {
    const grant = await removeKey(pin);
    openAccess(grant);
    showUnlocked(notice('success', 'Next time, only your PIN will do.'));
  } catch (problem) {
    showPinProblem(problem, () => {});
  }
}

function returnToPin() {
  if (currentView() !== 'pin') showPin();
}

function failedAttemptsNotice(count) {
  if (!count) return undefined;
  return notice('info', `${plural(count, 'wrong PIN attempt')} since you were last here.`);
}

// Problems that end the session leave the pad; for all others the caller says where to continue.
function showPinProblem(problem, showPadAgain) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.code === 'signed_out_elsewhere') return showLogin(LOGGED_OUT_ELSEWHERE);
  if (problem.code === 'invalid_wrapped_token') return showLogin(notice('error', describe(problem)));
  if (problem.code in ENDINGS) return showEnded(problem);
  showPadAgain();
  showOnPad(problem);
}

function setForgetPanel(open) {
  $('forget-panel').hidden = !open;
  $('forget').setAttribute('aria-expanded', String(open));
}

function askToForget() {
  const open = $('forget-panel').hidden;
  setForgetPanel(open);
  if (!open) return;
  $('forget-panel').scrollIntoView({ block: 'nearest' });
  $('forget-confirm').focus();
}

function keepDevice() {
  setForgetPanel(false);
  $('forget').focus();
}

async function confirmForget() {
  const token = await forgetDevice();
  showLogin();
  if (token) endSession(token).catch(() => {});
}

// ---------------------------------------------------------------- change PIN

function submitOldPin(pin) {
  draft.oldPin = pin;
  showChangePin('first');
}

function submitNewPin(pin) {
  draft.newPin = pin;
  showChangePin('repeat');
}

async function submitNewPinAgain(pin) {
  if (!takeMatchingPin(pin)) {
    showChangePin('first');
    pad.fail(PINS_DIFFER);
    return;
  }
  try {
    await replacePin(draft.oldPin, pin);
    goHome(notice('success', 'Your PIN is changed.'));
  } catch (problem) {
    showPinProblem(problem, () => returnToChangePin(problem));
  }
}

function returnToChangePin(problem) {
  if (problem.code === 'weak_pin') return showChangePin('first');
  draft = {};
  showChangePin('old');
}

function cancelPad() {
  if (currentView() !== 'choose-pin') goHome();
  else if (credentials?.proof.challenge) showCode();
  else showLogin();
}

// ---------------------------------------------------------------- unlocked

async function callApi() {
  const answer = await callServer('GET', '/api/me');
  $('api-result').textContent = JSON.stringify(answer, null, 2);
}

// Whoever logs in with a code says no name.
async function learnUsername() {
  const { subject } = await callServer('GET', '/api/me');
  access.username = subject;
  keep(USERNAME_KEY, subject);
  $('greeting').textContent = `Hello, ${subject}`;
}

// Money moves for a signed request only.
async function transfer() {
  const { send, controller } = access;
  const body = { to: 'bob', amount: 5 };
  const answer = await request('POST', '/api/transfer', { body, by: await send(), signal: controller.signal });
  $('api-result').textContent = JSON.stringify(answer, null, 2);
}

async function refreshSessions() {
  const { sessions } = await callServer('GET', '/sessions');
  const currentFirst = [...sessions].sort((a, b) => Number(b.current) - Number(a.current));
  $('sessions').replaceChildren(...currentFirst.map(renderSession));
}

function renderSession(session) {
  const item = $('session-template').content.firstElementChild.cloneNode(true);
  const device = session.device ?? 'Unknown device';
  item.dataset.sessionId = session.session_id;
  item.querySelector('.session-device').textContent = device;
  item.querySelector('.session-times').textContent = sessionTimes(session);
  item.append(session.current ? currentBadge() : revokeButton(session.session_id, device));
  return item;
}

function sessionTimes({ created_at, last_used_at, expires_at }) {
  const used = last_used_at
    ? `Used ${formatRelative(last_used_at)}`
    : `Created ${formatRelative(created_at)}`;
  return `${used}\nEnds ${formatRelative(expires_at)}`;
}

function currentBadge() {
  const badge = document.createElement('span');
  badge.className = 'badge';
  badge.textContent = 'This device';
  return badge;
}

function revokeButton(sessionId, device) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'revoke quiet';
  button.textContent = 'Revoke';
  button.setAttribute('aria-label', `Revoke ${device}`);
  button.addEventListener('click', () => runOnce(button, () => revoke(sessionId, device)));
  return button;
}

async function revoke(sessionId, device) {
  await callServer('DELETE', `/sessions/${encodeURIComponent(sessionId)}`);
  $('sessions-title').focus({ preventScroll: true });
  setNotice(notice('success', `Revoked: ${device}.`));
  await refreshSessions();
}

async function logOut(path, text) {
  await callServer('POST', path);
  await forgetDevice();
  showLogin(notice('success', text));
}

// Keeps a second click from doing the same thing twice.
async function runOnce(button, action) {
  if (button.ariaBusy === 'true') return;
  button.ariaBusy = 'true';
  setNotice();
  try {
    await action();
  } catch (problem) {
    reportProblem(problem);
  } finally {
    button.ariaBusy = 'false';
  }
}

// ---------------------------------------------------------------- other tabs

const NEEDS_TOKEN = new Set(['pin', 'change-pin', 'add-key', 'remove-key', 'unlocked']);

function onStorageChange({ key }) {
  if (key !== null && key !== TOKEN_KEY && key !== USERNAME_KEY) return;
  const view = currentView();
  if (!storedToken()) {
    if (NEEDS_TOKEN.has(view)) showLogin(LOGGED_OUT_ELSEWHERE);
  } else if (access && access.username !== storedUsername()) {
    showPin(LOGGED_IN_ELSEWHERE); // The stored token is somebody else's now.
  } else if (view === 'login' || view === 'ended') {
    showPin();
  } else if (view === 'pin') {
    pad.setTitle(welcome());
  }
}

// ---------------------------------------------------------------- start

function onClick(id, action) {
  $(id).addEventListener('click', action);
}

function onClickOnce(id, action) {
  onClick(id, ({ currentTarget }) => runOnce(currentTarget, action));
}

function fillDemo() {
  $('username').value = $('demo-username').textContent;
  $('password').value = $('demo-password').textContent;
  $('login-submit').focus();
}

function fillPhone() {
  $('phone').value = $('demo-phone').textContent;
  $('phone-submit').focus();
}

// What the device has is known before anything is shown.
async function begin() {
  const problem = await device().then(
    (pinlatch) => {
      hasDevice = Boolean(pinlatch);
    },
    () => new Problem('unreachable'),
  );
  if (problem) showEnded(problem);
  else goHome();
}

function start() {
  $('login-form').addEventListener('submit', submitCredentials);
  onClick('fill-demo', fillDemo);
  onClick('use-phone', () => showPhone());
  onClick('use-password', () => showLogin());
  onClick('fill-phone', fillPhone);
  onClick('code-back', () => showPhone());
  $('phone-form').addEventListener('submit', (event) => {
    event.preventDefault();
    runOnce($('phone-submit'), submitPhone);
  });
  onClick('pin-cancel', cancelPad);
  onClick('forget', askToForget);
  onClick('forget-keep', keepDevice);
  onClickOnce('forget-confirm', confirmForget);
  onClick('lock', () => lock());
  onClick('change-pin', () => showChangePin('old'));
  onClick('ended-login', () => {
    // Whoever logs in after that warning believes the server that answers now, for this login.
    if (document.body.dataset.reason === 'unknown_server') believeNewcomer();
    showLogin();
  });
  onClickOnce('ended-retry', begin);
  onClickOnce('call-api', callApi);
  onClickOnce('transfer', transfer);
  onClickOnce('key-unlock', unlockByKey);
  onClickOnce('add-key', startAddingKey);
  onClick('remove-key', () => showPad('remove-key'));
  onClickOnce('logout', () => logOut('/logout', 'You are logged out on this device.'));
  onClickOnce('logout-all', () => logOut('/logout-all', 'You are logged out everywhere.'));
  addEventListener('storage', onStorageChange);
  begin();
}

start();
