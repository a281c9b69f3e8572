// The PIN pad.

import { countDown, formatClock, plural } from './format.js';
import { $, announce } from './screen.js';
import { MIN_PIN } from './words.js';

const MAX_PIN = 64;
const MAX_DOTS = 10;

const SHAKE = [0, -8, 7, -5, 3, 0].map((x) => ({ transform: `translateX(${x}px)` }));
const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

export class PinPad {
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
    for (const button of this.#view.querySelectorAll('.links button')) button.disabled = this.#busy;
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
