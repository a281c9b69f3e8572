// The npm package of pinlatch, if the server has it: tokens under PINs that stay here, and under keys of the platform.

import { Problem, request } from './server.js';
import { storedServer } from './storage.js';

const DIRECTORY = '/.well-known/http-message-signatures-directory';

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

// The keys of a server that the device meets for the first time: it is believed.
export async function meetServer() {
  const { serverKeys } = await device();
  return serverKeys(JSON.stringify(await request('GET', DIRECTORY)));
}

// The keys of the server that the device knows, which proves with each call that it is the one.
export async function askServer() {
  const pinned = storedServer();
  if (!pinned) return meetServer();
  const pinlatch = await device();
  try {
    const { body } = await pinlatch.askServer(pinned, DIRECTORY);
    return pinlatch.serverKeys(body);
  } catch (error) {
    throw new Problem(error.message === 'unknown_server' ? 'unknown_server' : 'unreachable');
  }
}
