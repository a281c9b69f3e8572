// The WebAssembly, compiled once: for the page, and for each worker.

import init from './dist/pinlatch.js';

const source = new URL('./dist/pinlatch_bg.wasm', import.meta.url);
let loading;

async function compile() {
  const module = await WebAssembly.compile(await (await fetch(source)).arrayBuffer());
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
