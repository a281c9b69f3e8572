// The WebAssembly, compiled once: for the page, and for each worker.

import init from './dist/pinlatch.js';

const source = new URL('./dist/pinlatch_bg.wasm', import.meta.url);
const TIMEOUT_MS = 30_000;

let loading;

async function compile() {
  const response = await fetch(source, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const module = await WebAssembly.compile(await response.arrayBuffer());
  await init({ module_or_path: module });
  return module;
}

export function load() {
  loading ??= compile().catch(() => {
    loading = undefined;
    throw new Error('no_wasm');
  });
  return loading;
}
