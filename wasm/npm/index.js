// The device's half of pinlatch in a browser.

import { nextStep as stepAfter } from './dist/pinlatch.js';

export { logOutToken, weakPin } from './dist/pinlatch.js';
export * as fingerprint from './fingerprint.js';
export { load } from './load.js';
export { beginWithPin, changePin, openWithKey, openWithPin, sealedPost } from './locks.js';
export { askServer, meetServer, signer } from './requests.js';
export { TokenStorage } from './storage.js';

// What this package itself says went wrong.
const OWN = {
  network: 'wait',
  no_worker: 'wait', // A file of the package that got lost looks like one that may not be loaded.
  no_wasm: 'wait',
  not_sealed: 'wait',
  not_the_answer: 'wait',
  not_a_locked_token: 'log_in',
  not_a_pin: 'enter_pin',
  unknown_server: 'unknown_server',
  not_signed: 'unknown_server',
};

export const nextStep = (code) => OWN[code] ?? stepAfter(code ?? '');
