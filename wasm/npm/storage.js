// A small place for what a device keeps. A host may have a better one.

export class TokenStorage {
  #key;

  constructor(key = 'pinlatch.token') {
    this.#key = key;
  }

  read() {
    return localStorage.getItem(this.#key);
  }

  // In one write: what was there and what comes are never both there, and never neither.
  replace(text) {
    localStorage.setItem(this.#key, text);
  }

  forget() {
    localStorage.removeItem(this.#key);
  }
}
