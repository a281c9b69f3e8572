// Demo page of pinlatch: sign in once with full credentials, come back with a PIN.
//
// What is kept where:
//   localStorage   the wrapped token (useless without the PIN) and the username to greet
//   memory only    the access token, and credentials or PINs while a step needs them

const TOKEN_KEY = 'pinlatch.wrapped_token';
const USERNAME_KEY = 'pinlatch.username';
const LOCK_NAME = 'pinlatch.token';

const MIN_PIN = 6;
const MAX_PIN = 64;
const MAX_DOTS = 10;

const REQUEST_TIMEOUT_MS = 30_000;
const BUSY_RETRIES = 3;
const BUSY_DELAY_MS = 400;
const BUSY_DELAY_MAX_MS = 2_000;
const SUPERSEDED_GRACE_MS = 300;

const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

// ---------------------------------------------------------------- storage

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

const storedToken = () => store.getItem(TOKEN_KEY);
const storedUsername = () => store.getItem(USERNAME_KEY) ?? '';

function keepToken(answer) {
  keep(TOKEN_KEY, answer.wrapped_token);
  return answer;
}

// A storage that is full must not cost the session: the page goes on in memory until it is closed.
function keep(key, value) {
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

function forgetTokenIfStill(token) {
  if (storedToken() === token) store.removeItem(TOKEN_KEY);
}

function forgetDevice() {
  return withTokenLock(() => {
    store.removeItem(TOKEN_KEY);
    store.removeItem(USERNAME_KEY);
  });
}

// Only one tab at a time may spend or replace the stored token.
function withTokenLock(task) {
  return navigator.locks ? navigator.locks.request(LOCK_NAME, task) : task();
}

// ---------------------------------------------------------------- server

class Problem extends Error {
  constructor(code, { details = {}, retryAfter = 0 } = {}) {
    super(code);
    this.code = code;
    this.details = details;
    this.retryAfter = retryAfter;
  }
}

async function request(method, path, options = {}) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await requestOnce(method, path, options);
    } catch (problem) {
      if (problem.code !== 'busy' || tries === BUSY_RETRIES) throw problem;
      await sleep(busyDelay(problem, tries));
    }
  }
}

function busyDelay(problem, tries) {
  const wanted = Math.max(problem.retryAfter * 1000, BUSY_DELAY_MS * 2 ** tries);
  return Math.min(wanted, BUSY_DELAY_MAX_MS);
}

async function requestOnce(method, path, options) {
  const { response, text } = await send(method, path, options);
  if (response.status === 204) return null;
  const payload = parseJson(text);
  if (response.ok && payload) return payload;
  throw toProblem(response, payload);
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function send(method, path, { body, bearer, signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS) }) {
  const headers = { Accept: 'application/json' };
  if (body) headers['Content-Type'] = 'application/json';
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
    return { response, text: await response.text() };
  } catch (error) {
    throw new Problem(error.name === 'AbortError' ? 'cancelled' : 'network');
  }
}

function toProblem(response, payload) {
  return new Problem(payload?.code ?? `http_${response.status}`, {
    details: payload ?? {},
    retryAfter: Math.max(0, Number(response.headers.get('Retry-After')) || 0),
  });
}

// ---------------------------------------------------------------- wrapped token

// Problem codes after which the stored token is of no more use.
const TOKEN_SPENT = new Set([
  'locked_out',
  'session_ended',
  'token_reused',
  'log_in_again',
  'superseded',
  'invalid_wrapped_token',
]);

function createSession({ username, password }, pin) {
  const body = { username, password, pin, device: deviceLabel() };
  return withTokenLock(async () => {
    keepToken(await request('POST', '/login', { body }));
    keep(USERNAME_KEY, username);
  });
}

function authorize(pin) {
  return spendToken((token) => request('POST', '/authorize', { body: { wrapped_token: token, pin } }));
}

function replacePin(pin, newPin) {
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

// ---------------------------------------------------------------- wording

const WEAK_PIN = {
  too_short: `Use at least ${MIN_PIN} characters.`,
  repeated: 'Too much repetition. Mix it up a little.',
  sequence: 'That counts up or down. Mix it up a little.',
  common: 'That is among the first PINs people guess.',
  date: 'Years and dates are easy to guess.',
  keypad: 'Patterns on the keypad are easy to guess.',
};

const PINS_DIFFER = 'The two PINs are different. Choose again.';

const PROBLEMS = {
  invalid_credentials: 'Wrong username or password.',
  bad_request: 'The server could not use that. Please try again.',
  wrong_pin: 'Wrong PIN.',
  throttled: 'Too many tries. Take a short break.',
  invalid_wrapped_token: 'The saved session is damaged. Please log in again.',
  busy: 'The server is busy. Try again in a moment.',
  overloaded: 'The server is very busy. Try again in a moment.',
  unavailable: 'The service is not available right now. Try again in a moment.',
  network: 'We can’t reach the server. Check your connection and try again.',
};

const SESSION_OVER = {
  title: 'Your session has ended',
  text: () => 'It was closed or has run out. Log in with your password to continue.',
};

const ENDINGS = {
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
  denied: {
    title: 'Not from here',
    text: ({ retry_at: retryAt }) =>
      Number.isFinite(retryAt)
        ? `From where you are, you can come back ${formatMoment(retryAt)}. Your PIN will still work.`
        : 'From where you are, this account can’t be used. Your PIN will still work elsewhere.',
    retry: true,
  },
  outside_hours: {
    title: 'Closed right now',
    text: ({ opens }) =>
      Number.isFinite(opens)
        ? `You can come back ${formatMoment(opens)}. Your PIN will still work.`
        : 'Access is switched off for this account. Ask the people who run this service.',
    retry: true,
  },
};

function describe(problem) {
  const { code, details } = problem;
  if (code === 'weak_pin') return WEAK_PIN[details.reason] ?? 'That PIN is easy to guess. Choose another one.';
  if (code === 'wrong_pin' && Number.isInteger(details.attempts_remaining)) {
    return `${PROBLEMS.wrong_pin} ${plural(details.attempts_remaining, 'attempt')} left.`;
  }
  return PROBLEMS[code] ?? `Something went wrong (${code}). Please try again.`;
}

const notice = (tone, text) => ({ tone, text });

const LOGGED_IN_ELSEWHERE = notice('info', 'Somebody else logged in in another tab.');
const LOGGED_OUT_ELSEWHERE = notice('info', 'You were logged out in another tab.');

function formatMoment(seconds) {
  const format = new Intl.DateTimeFormat(undefined, {
    weekday: 'long',
    month: 'long',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
  });
  return `on ${format.format(seconds * 1000)}`;
}

const RELATIVE_UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

function formatRelative(seconds) {
  const distance = seconds - Date.now() / 1000;
  const [unit, size] = RELATIVE_UNITS.find(([, length]) => Math.abs(distance) >= length) ?? [];
  if (!unit) return distance < 0 ? 'just now' : 'in under a minute';
  return new Intl.RelativeTimeFormat('en').format(Math.round(distance / size), unit);
}

function formatClock(seconds) {
  const pair = (value) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const clock = `${pair(Math.floor(seconds / 60) % 60)}:${pair(seconds % 60)}`;
  return hours ? `${hours}:${clock}` : clock;
}

// Calls onTick with the whole seconds left, then onEnd once. Returns a function that stops it.
function countDown(seconds, onTick, onEnd) {
  const deadline = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
    onTick(left);
    if (left > 0) return;
    clearInterval(timer);
    onEnd();
  };
  const timer = setInterval(tick, 250);
  tick();
  return () => clearInterval(timer);
}

// ---------------------------------------------------------------- PIN pad

const SHAKE = [0, -8, 7, -5, 3, 0].map((x) => ({ transform: `translateX(${x}px)` }));
const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

class PinPad {
  #view = $('pin-view');
  #form = $('pad');
  #input = $('pin-input');
  #dots = $('pin-dots');
  #message = $('pin-message');
  #wait = $('pin-wait');
  #letters = false;
  #busy = false;
  #stopWait = null;
  #onSubmit;

  constructor(onSubmit) {
    this.#onSubmit = onSubmit;
    this.#form.addEventListener('submit', (event) => this.#submit(event));
    this.#input.addEventListener('input', () => this.#setValue(this.#input.value));
    $('pin-keys').addEventListener('click', (event) => this.#pressKey(event));
    // Pressing a key with a mouse or finger must not take the focus from the entry.
    $('pin-keys').addEventListener('mousedown', (event) => event.preventDefault());
    $('pin-letters').addEventListener('click', () => this.#setLetters(!this.#letters));
    document.addEventListener('keydown', (event) => this.#onKeydown(event));
    document.addEventListener('paste', (event) => this.#onPaste(event));
  }

  open({ title, hint, action }) {
    this.setTitle(title);
    $('pin-hint').textContent = hint;
    $('pin-submit').textContent = action;
    this.#endWait();
    this.#say('');
    this.#setValue('');
    this.#input.focus();
    announce(`${title}. ${hint}`);
  }

  setTitle(title) {
    $('pin-title').textContent = title;
  }

  fail(text) {
    this.#say(text, 'error');
    this.#input.setAttribute('aria-invalid', 'true');
    if (!reducedMotion.matches) this.#input.parentElement.animate(SHAKE, 320);
  }

  // Blocks the pad for a while, then says that it can be used again.
  wait(seconds, textAfterwards) {
    this.#endWait();
    if (seconds === 0) return;
    this.#wait.hidden = false;
    announce(`Try again in ${plural(Math.ceil(seconds), 'second')}.`);
    this.#stopWait = countDown(
      seconds,
      (left) => this.#showWait(left),
      () => this.#waitIsOver(textAfterwards),
    );
    this.#refreshControls();
  }

  // Leaves nothing typed behind when the pad goes out of view.
  close() {
    this.#endWait();
    this.#setValue('');
    this.#setLetters(false);
  }

  get busy() {
    return this.#busy;
  }

  get #blocked() {
    return this.#busy || this.#stopWait !== null;
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#blocked) return;
    const pin = this.#input.value;
    if ([...pin].length < MIN_PIN) {
      this.fail(`A PIN has at least ${MIN_PIN} ${this.#letters ? 'characters' : 'digits'}.`);
      return;
    }
    this.#say('');
    this.#setBusy(true);
    try {
      await this.#onSubmit(pin);
    } finally {
      this.#setBusy(false);
    }
  }

  // While busy the dots stay, the typed PIN does not.
  #setBusy(busy) {
    this.#busy = busy;
    this.#form.setAttribute('aria-busy', String(busy));
    if (busy) {
      this.#input.focus();
      this.#input.value = '';
    } else {
      this.#drawDots();
    }
    this.#refreshControls();
  }

  #refreshControls() {
    const blocked = this.#blocked;
    for (const button of this.#form.querySelectorAll('button')) button.disabled = blocked;
    for (const button of document.querySelectorAll('.links button')) button.disabled = this.#busy;
    this.#input.readOnly = blocked;
    this.#form.toggleAttribute('data-blocked', blocked);
  }

  #showWait(left) {
    const text = `Try again in ${formatClock(left)}`;
    if (this.#wait.textContent !== text) this.#wait.textContent = text;
  }

  #waitIsOver(text) {
    this.#endWait();
    this.#say(text);
    announce('You can try again now.');
    this.#input.focus();
  }

  #say(text, tone = 'info') {
    this.#message.textContent = text;
    this.#message.dataset.tone = tone;
  }

  #endWait() {
    this.#stopWait?.();
    this.#stopWait = null;
    this.#wait.hidden = true;
    this.#refreshControls();
  }

  #setLetters(letters) {
    this.#letters = letters;
    this.#form.dataset.mode = letters ? 'letters' : 'digits';
    this.#input.inputMode = letters ? 'text' : 'none';
    $('pin-letters').textContent = letters ? 'Use digits' : 'Use letters';
    this.#setValue('');
    this.#input.focus();
  }

  #setValue(text) {
    const allowed = this.#letters ? text : text.replace(/\D/g, '');
    const value = allowed.slice(0, MAX_PIN);
    if (this.#input.value !== value) this.#input.value = value;
    this.#input.removeAttribute('aria-invalid');
    this.#drawDots();
  }

  // Edits made by the keypad, digit keys or pasting always happen at the end.
  #edit(text) {
    if (this.#blocked) return;
    this.#setValue(text);
    announce(`${plural(this.#input.value.length, 'digit')} entered`);
  }

  #append(text) {
    this.#edit(this.#input.value + text);
  }

  #backspace() {
    this.#edit(this.#input.value.slice(0, -1));
  }

  #drawDots() {
    const length = this.#input.value.length;
    const dots = Array.from({ length: Math.min(Math.max(length, MIN_PIN), MAX_DOTS) }, (_, index) => {
      const dot = document.createElement('span');
      dot.className = index < length ? 'dot filled' : 'dot';
      return dot;
    });
    if (length > MAX_DOTS) dots.push(`+${length - MAX_DOTS}`);
    this.#dots.replaceChildren(...dots);
  }

  #pressKey(event) {
    const button = event.target.closest('button');
    if (!button) return;
    if (button.dataset.digit) this.#append(button.dataset.digit);
    else if (button.id === 'pin-backspace') this.#backspace();
    else this.#edit('');
  }

  #onKeydown(event) {
    if (this.#view.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this.#useKey(event)) return;
    event.preventDefault();
    this.#input.focus();
  }

  // Says whether the key was one of ours; Enter on a control is left to that control.
  #useKey({ key, target }) {
    if (key === 'Escape') this.#edit('');
    else if (this.#letters) return false;
    else if (/^\d$/.test(key)) this.#append(key);
    else if (key === 'Backspace') this.#backspace();
    else if (key === 'Enter' && !target.closest('button, input')) this.#form.requestSubmit();
    else return false;
    return true;
  }

  #onPaste(event) {
    if (this.#view.hidden || this.#letters) return;
    event.preventDefault();
    this.#append(event.clipboardData.getData('text').replace(/\D/g, ''));
  }
}

// ---------------------------------------------------------------- views

const SECTIONS = {
  login: 'login-view',
  'choose-pin': 'pin-view',
  pin: 'pin-view',
  'change-pin': 'pin-view',
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

let access = null; // { token, username, controller, stopCountdown } while unlocked
let credentials = null; // { username, password } between the first step and the log-in call
let draft = {}; // PINs entered in earlier steps of the current flow

const pad = new PinPad(submitPad);

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
  if (view !== 'choose-pin') credentials = null;
  if (view !== 'choose-pin' && view !== 'change-pin') draft = {};
  setBodyData({ view, step, reason });
  for (const section of document.querySelectorAll('main > section')) {
    section.hidden = section.id !== SECTIONS[view];
  }
  if ($('pin-view').hidden) pad.close();
  setForgetPanel(false);
  setNotice(message);
  scrollTo(0, 0);
}

function setBodyData(values) {
  for (const [name, value] of Object.entries(values)) {
    if (value) document.body.dataset[name] = value;
    else delete document.body.dataset[name];
  }
}

function setNotice(message) {
  $('notice').textContent = message?.text ?? '';
  $('notice').dataset.tone = message?.tone ?? '';
}

function announce(text) {
  $('announcer').textContent = text;
}

function setTitle(title) {
  document.title = `${title} · pinlatch`;
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

function showPad(view, step, message) {
  show(view, { step, message });
  $('forget').hidden = view !== 'pin';
  $('pin-cancel').hidden = view === 'pin';
  $('pin-cancel').textContent = view === 'choose-pin' ? 'Back' : 'Cancel';
  const screen = currentPadScreen();
  const title = screen.title ?? welcome();
  setTitle(title);
  pad.open({ ...screen, title });
}

function welcome() {
  const username = storedUsername();
  return username ? `Welcome back, ${username}` : 'Welcome back';
}

function showPin(message) {
  dropAccess();
  showPad('pin', undefined, message);
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
  refreshSessions().catch(reportProblem);
}

function showEnded({ code, details }) {
  const ending = ENDINGS[code];
  dropAccess();
  show('ended', { reason: code });
  setTitle(ending.title);
  $('ended-title').textContent = ending.title;
  $('ended-text').textContent = ending.text(details);
  $('ended-login').hidden = Boolean(ending.retry);
  $('ended-retry').hidden = !ending.retry;
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
    username: storedUsername(),
    controller: new AbortController(),
    stopCountdown: countDown(grant.expires_in, showAccessLeft, accessExpired),
  };
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
  else setNotice(notice('error', describe(problem)));
}

// ---------------------------------------------------------------- log in

function submitCredentials(event) {
  event.preventDefault();
  const { username, password } = event.target.elements;
  const entered = { username: username.value.trim(), password: password.value };
  password.value = '';
  showChoosePin('first');
  credentials = entered;
}

function submitChosenPin(pin) {
  draft.newPin = pin;
  showChoosePin('repeat');
}

async function submitChosenPinAgain(pin) {
  if (!takeMatchingPin(pin)) {
    showChoosePin('first');
    pad.fail(PINS_DIFFER);
    return;
  }
  try {
    await createSession(credentials, pin);
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
  if (['invalid_credentials', 'bad_request'].includes(problem.code)) {
    showLogin(notice('error', describe(problem)));
    return;
  }
  const weak = problem.code === 'weak_pin';
  if (!weak) draft.newPin = pin;
  showChoosePin(weak ? 'first' : 'repeat');
  showOnPad(problem);
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
  await forgetDevice();
  showLogin();
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
  if (currentView() === 'choose-pin') showLogin();
  else goHome();
}

// ---------------------------------------------------------------- unlocked

async function callApi() {
  const answer = await callServer('GET', '/api/me');
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

const NEEDS_TOKEN = new Set(['pin', 'change-pin', 'unlocked']);

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

function start() {
  $('login-form').addEventListener('submit', submitCredentials);
  onClick('fill-demo', fillDemo);
  onClick('pin-cancel', cancelPad);
  onClick('forget', askToForget);
  onClick('forget-keep', keepDevice);
  onClickOnce('forget-confirm', confirmForget);
  onClick('lock', () => lock());
  onClick('change-pin', () => showChangePin('old'));
  onClick('ended-login', () => showLogin());
  onClick('ended-retry', () => goHome());
  onClickOnce('call-api', callApi);
  onClickOnce('logout', () => logOut('/logout', 'You are logged out on this device.'));
  onClickOnce('logout-all', () => logOut('/logout-all', 'You are logged out everywhere.'));
  addEventListener('storage', onStorageChange);
  goHome();
}

start();
