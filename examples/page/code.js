// The form for a code that came by SMS: entry, hint, and the wait before the next message.

import { countDown, formatClock, plural } from './format.js';
import { $, announce } from './screen.js';

export class CodeForm {
  #input = $('code');
  #message = $('code-message');
  #resend = $('code-resend');
  #pending = null; // What the server said of the message that is on its way.
  #stopWait = null;
  #onCode;
  #onResend;

  constructor({ onCode, onResend }) {
    this.#onCode = onCode;
    this.#onResend = onResend;
    $('code-form').addEventListener('submit', (event) => this.#submit(event));
    this.#input.addEventListener('input', () => this.#input.removeAttribute('aria-invalid'));
    this.#resend.addEventListener('click', () => {
      this.#resend.disabled = true;
      this.#onResend(this.#pending.challenge);
    });
  }

  // A message is on its way.
  expect(phone, pending) {
    this.#pending = pending;
    $('code-phone').textContent = phone;
    const hinted = pending.hint !== null;
    $('code-hint').hidden = !hinted;
    $('code-hint').textContent = hinted ? `${pending.hint} –` : '';
    $('code-help').textContent = hinted
      ? `It is in the message with ${pending.hint}- in front. The ${plural(pending.digits, 'digit')} behind it are the code.`
      : `It has ${plural(pending.digits, 'digit')}.`;
    this.waitForNext(pending.resend_after);
    this.#input.value = '';
    this.#say('');
  }

  open() {
    this.#input.select();
    this.#input.focus();
  }

  get challenge() {
    return this.#pending.challenge;
  }

  fail(text) {
    this.#say(text, 'error');
    this.#input.setAttribute('aria-invalid', 'true');
    this.open();
  }

  // Leaves nothing behind.
  close() {
    this.#stopWait?.();
    this.#pending = null;
    this.#input.value = '';
  }

  #submit(event) {
    event.preventDefault();
    const code = this.#input.value.trim();
    const digits = code.replace(/[\s-]/g, '');
    const { length } = digits.match(/^\p{Nd}+$/u) ? digits : '';
    const hinted = this.#pending.hint !== null && length === this.#pending.digits + 1;
    if (length === this.#pending.digits || hinted) this.#onCode(code);
    else this.fail(`The code has ${plural(this.#pending.digits, 'digit')}.`);
  }

  waitForNext(seconds) {
    this.#stopWait?.();
    this.#resend.disabled = true;
    this.#stopWait = countDown(
      seconds,
      (left) => {
        const text = left > 0 ? `Send again in ${formatClock(left)}` : 'Send again';
        if (this.#resend.textContent !== text) this.#resend.textContent = text;
      },
      () => {
        this.#resend.disabled = false;
        if (seconds > 0) announce('You can have another message sent now.');
      },
    );
  }

  #say(text, tone = 'info') {
    this.#message.textContent = text;
    this.#message.dataset.tone = tone;
  }
}
