// The npm package of pinlatch, if the server has it: tokens under PINs that stay here, and under keys of the platform.

import { Problem } from './server.js';
import { keepServer, storedServer } from './storage.js';

let loading;

// Resolves to nothing where there is no package, or no WebAssembly.
export function device() {
  loading ??= load();
  return loading;
}

async function load() {
  try {
    const pinlatch = await import('/pinlatch/index.js');
    await pinlatch.load();
    return pinlatch;
  } catch {
    return null;
  }
}

// For which key calls are sealed: of the server that the device knows, which proves with each call that it is the one, or of
// one that it meets for the first time, and knows from then on. Nothing where there is no package to seal with.
export async function askServer() {
  const [pinned, pinlatch] = [storedServer(), await device()];
  if (!pinlatch) {
    if (pinned) throw new Problem('unknown_server'); // It keeps the package from the page, so that nobody can ask.
    return undefined;
  }
  try {
    const { signing, sealing } = await (pinned ? pinlatch.askServer(pinned) : pinlatch.meetServer());
    if (!pinned) keepServer(signing);
    return sealing;
  } catch (error) {
    throw new Problem(pinlatch.nextStep(error.message) === 'unknown_server' ? 'unknown_server' : 'network');
  }
}
