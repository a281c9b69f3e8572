// The device's half of pinlatch in a browser.

import init from './dist/pinlatch.js';

export { nextStep, weakPin } from './dist/pinlatch.js';
export * as fingerprint from './fingerprint.js';
export { beginWithPin, changePin, openWithKey, openWithPin, sealedPost } from './locks.js';
export { askServer, serverKeys, signer } from './requests.js';
export { TokenStorage } from './storage.js';

// Loads the WebAssembly. What runs in a worker loads its own.
export const load = () => init();
