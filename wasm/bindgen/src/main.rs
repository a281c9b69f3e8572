//! `pinlatch-wasm-bindgen INPUT.wasm OUTPUT`: what `wasm-bindgen --target web --typescript` does, in the version that
//! the lock file has.

use std::error::Error;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let [input, output] = std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "INPUT.wasm OUTPUT")?;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).web(true)?.typescript(true).out_name("pinlatch").remove_name_section(true);
    bindgen.remove_producers_section(true).omit_default_module_path(false).generate(output)?;
    Ok(())
}
