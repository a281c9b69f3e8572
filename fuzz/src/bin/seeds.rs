//! Writes the seeds of a target into a folder: `seeds TARGET FOLDER`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a tool of the fuzz targets")]

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, target, folder] = &arguments[..] else { panic!("seeds TARGET FOLDER") };
    let (_, _, seeds) = pinlatch_fuzz::targets().into_iter().find(|(name, ..)| name == target).unwrap();
    std::fs::create_dir_all(folder).unwrap();
    for (at, seed) in seeds().into_iter().enumerate() {
        std::fs::write(format!("{folder}/seed-{at}"), seed).unwrap();
    }
}
