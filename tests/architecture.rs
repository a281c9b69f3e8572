//! Imports point down. Each module sees only what stands before it in this list.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up.
const ORDER: &[&str] = &[
    // ground
    "testing",
    "sync",
    "deadline",
    "secret",
    "time",
    "encoding",
    "id",
    "record",
    "situation",
    "token",
    // crypto
    "crypto",
    "stretch",
    "keyring",
    // protocol
    "attempts",
    "policy",
    "pin",
    "stretched_pin",
    "subject",
    "context",
    "session",
    "body",
    "handle",
    "permission",
    "plain",
    "wrap",
    "log_out",
    "handout",
    "issue",
    "unlock",
    "revoke",
    "authorize",
    "access_token",
    "renew",
    "proof",
    "sealed",
    "otp",
    // device
    "client",
    // traits
    "store",
    "clock",
    "criterion",
    "observer",
    "sender",
    "limits",
    "problem",
    // fuzz targets
    "fuzzing",
    // façade
    "service",
];

/// The edge sees the promise and the words it is made of, as a store in another crate would.
const EDGE: &[&str] = &["conformance", "stores"];
const SEEN_BY_THE_EDGE: &[&str] = &["deadline", "record", "store", "sync", "time"];

/// Only these name a cipher, a hash or a KDF.
const CRYPTO: &[&str] = &["crypto", "stretch"];
const PRIMITIVES: &[&str] =
    &["argon2::", "chacha20poly1305::", "ed25519_dalek::", "hkdf::", "hmac::", "hpke::", "sha2::"];

const MOST_LINES: usize = 250;

struct Source {
    module: String,
    path: PathBuf,
    /// Without comments and unit tests.
    lines: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // The manual is prose, and programs of its readers.
            let relative = path.strip_prefix(&root).unwrap().with_extension("");
            if relative.starts_with("manual") || path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let module = relative.iter().next().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim().to_owned()));
            let lines = lines.take_while(|(_, line)| line != "mod tests {" && line != "mod interleavings {");
            let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("//")).collect();
            sources.push(Source { module, path, lines });
        }
    }
    assert!(sources.len() > 30, "the sources were not found");
    sources
}

/// The modules that a line names by `crate::`.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(|(at, found)| {
        let rest = &line[at + found.len()..];
        let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn no_import_points_up() {
    let rank = |module: &str| ORDER.iter().position(|known| *known == module);
    let mut wrong = Vec::new();
    for Source { module, path, lines } in sources() {
        if module == "lib" {
            continue;
        }
        for (number, line) in &lines {
            let place = format!("{}:{number}: {line}", path.display());
            assert!(!line.contains("super::super"), "{place}: name it by `crate::`, so that this test sees it");
            for import in imports(line).filter(|import| *import != module) {
                let allowed = match (rank(import), rank(&module)) {
                    (Some(_), None) => EDGE.contains(&module.as_str()) && SEEN_BY_THE_EDGE.contains(&import),
                    (Some(below), Some(above)) => below < above,
                    (None, _) => false,
                };
                if !allowed {
                    wrong.push(place.clone());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "these imports point up:\n{}", wrong.join("\n"));
}

#[test]
fn primitives_are_named_in_two_files_only() {
    for Source { module, path, lines } in sources() {
        if CRYPTO.contains(&module.as_str()) {
            continue;
        }
        for (number, line) in lines {
            let names = PRIMITIVES.iter().any(|primitive| line.contains(primitive));
            assert!(!names, "{}:{number}: {line}", path.display());
        }
    }
}

#[test]
fn no_room_is_too_large_and_no_name_says_nothing() {
    for Source { path, lines, .. } in sources() {
        assert!(lines.len() <= MOST_LINES, "{} has {} lines of code", path.display(), lines.len());
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            !["common", "error", "helpers", "mod", "prelude", "types", "utils"].contains(&name),
            "{}",
            path.display()
        );
    }
}
