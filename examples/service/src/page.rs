//! The page, and the headers that keep it to itself.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use crate::Answer;

/// Nothing but its own scripts, WebAssembly, style and server; no frames, no forms that leave, no inline code.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: [(&str, &str, &str); 12] = [
    ("/", HTML, include_str!("../../page/index.html")),
    ("/style.css", CSS, include_str!("../../page/style.css")),
    ("/app.js", SCRIPT, include_str!("../../page/app.js")),
    ("/code.js", SCRIPT, include_str!("../../page/code.js")),
    ("/device.js", SCRIPT, include_str!("../../page/device.js")),
    ("/format.js", SCRIPT, include_str!("../../page/format.js")),
    ("/pad.js", SCRIPT, include_str!("../../page/pad.js")),
    ("/screen.js", SCRIPT, include_str!("../../page/screen.js")),
    ("/server.js", SCRIPT, include_str!("../../page/server.js")),
    ("/session.js", SCRIPT, include_str!("../../page/session.js")),
    ("/storage.js", SCRIPT, include_str!("../../page/storage.js")),
    ("/words.js", SCRIPT, include_str!("../../page/words.js")),
];

/// A file of the page, or of the npm package that it uses.
#[derive(Debug)]
pub struct File {
    pub path: String,
    content_type: &'static str,
    content: Cow<'static, [u8]>,
}

impl File {
    pub fn answer(&self) -> Answer {
        let answer = Answer { status: 200, headers: Vec::new(), body: self.content.clone() };
        answer
            .header("content-type", self.content_type)
            .header("content-security-policy", POLICY)
            .header("x-content-type-options", "nosniff")
            .header("referrer-policy", "no-referrer")
            .header("cache-control", "no-cache")
    }
}

/// All of them. The page offers what the package can do, where `wasm/build` has left one in the folder.
pub fn files(package: &Path) -> Vec<File> {
    let mut files: Vec<_> = FILES
        .map(|(path, content_type, text)| File {
            path: path.to_owned(),
            content_type,
            content: Cow::Borrowed(text.as_bytes()),
        })
        .into();
    let read = |name: &&'static str| Some((*name, fs::read(package.join(name)).ok()?));
    match PACKAGE.iter().map(read).collect::<Option<Vec<_>>>() {
        Some(package) => files.extend(package.into_iter().map(|(name, content)| File {
            path: format!("/pinlatch/{name}"),
            content_type: if name.ends_with(".wasm") { "application/wasm" } else { SCRIPT },
            content: Cow::Owned(content),
        })),
        None => tracing::info!("no npm package in {}: see wasm/build", package.display()),
    }
    files
}

const PACKAGE: [&str; 9] = [
    "index.js",
    "fingerprint.js",
    "load.js",
    "locks.js",
    "requests.js",
    "storage.js",
    "worker.js",
    "dist/pinlatch.js",
    "dist/pinlatch_bg.wasm",
];
