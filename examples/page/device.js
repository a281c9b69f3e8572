// The npm package of pinlatch, if the server has it: tokens under PINs that stay here, and under keys of the platform.

import { Problem } from './server.js';
import { hasMetServer, keepServer, storedServer } from './storage.js';

const TIMEOUT_MS = 30_000;

let loading;

// Resolves to nothing where the server has no package, and nobody knows one. Whatever else keeps it away is no reason
// to go on without it.
export function device() {
  loading ??= load().catch((problem) => {
    loading = undefined;
    throw problem;
  });
  return loading;
}

async function load() {
  if (!(await isThere())) return null;
  try {
    const pinlatch = await import('/pinlatch/index.js');
    await pinlatch.load();
    return pinlatch;
  } catch {
    throw new Problem('network');
  }
}

async function isThere() {
  if (typeof WebAssembly === 'undefined') return false;
  const answer = await fetch('/pinlatch/index.js', { method: 'GET', signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => null);
  if (!answer || (!answer.ok && answer.status !== 404)) throw new Problem('network');
  return answer.ok;
}

// Another server than the one that the device knows, which somebody wants to log in at. It is known when a login there
// has succeeded, and forgotten with the page until then.
let newcomer = null; // { signing }, its keys when it has been met

export function believeNewcomer() {
  newcomer = { signing: null };
}

export function believeNoNewcomer() {
  newcomer = null;
}

export function keepNewcomer() {
  if (newcomer?.signing) keepServer(newcomer.signing);
  newcomer = null;
}

// For which key calls are sealed: of the server that the device knows, which proves with each call that it is the one,
// or of one that it meets for the first time, and knows from then on. Nothing where there has never been a package to
// seal with.
export async function askServer() {
  const pinlatch = await device();
  const met = newcomer;
  const pinned = met ? met.signing : storedServer();
  if (!pinlatch) {
    if (hasMetServer()) throw new Problem('unknown_server'); // It keeps the package from the page, so that nobody can ask.
    return undefined;
  }
  try {
    const { signing, sealing } = await (pinned ? pinlatch.askServer(pinned) : pinlatch.meetServer());
    if (met) met.signing = signing;
    else if (!pinned) keepServer(signing);
    return sealing;
  } catch (error) {
    throw new Problem(pinlatch.nextStep(error.message) === 'unknown_server' ? 'unknown_server' : 'network');
  }
}
