// The npm package of pinlatch, if the server has it: tokens under PINs that stay here, and under keys of the platform.

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
