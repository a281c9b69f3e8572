// A small place for what a device keeps. A host may have a better one.

export class TokenStorage {
  #key;
  #inMemory = null; // where storage is blocked or full

  constructor(key = 'pinlatch.token') {
    this.#key = key;
  }

  read() {
    if (this.#inMemory !== null) return this.#inMemory;
    try {
      return localStorage.getItem(this.#key);
    } catch {
      return null;
    }
  }

  // In one write: what was there and what comes are never both there, and never neither. Where that cannot be, what was
  // there goes, since using it again would end the session, and the page keeps what comes until it is closed.
  replace(text) {
    if (typeof text !== 'string') throw new TypeError('only a text is kept');
    try {
      localStorage.setItem(this.#key, text);
      this.#inMemory = null;
    } catch {
      this.#inMemory = text;
      this.#remove();
    }
  }

  forget() {
    this.#inMemory = null;
    this.#remove();
  }

  #remove() {
    try {
      localStorage.removeItem(this.#key);
    } catch {
      // Nothing can be there.
    }
  }
}
