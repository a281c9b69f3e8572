//! The page, and the headers that keep it to itself.

use std::fs;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use axum::routing::get;

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

pub(crate) fn routes() -> Router {
    FILES.into_iter().fold(Router::new(), |router, (path, content_type, content)| {
        router.route(path, get(async move || file(content_type, content)))
    })
}

/// The npm package, as `wasm/build` has left it: the page offers what it can do, where it is there.
pub(crate) fn package(folder: &Path) -> Router {
    let read = |name: &&'static str| Some((*name, Bytes::from(fs::read(folder.join(name)).ok()?)));
    let Some(files) = PACKAGE.iter().map(read).collect::<Option<Vec<_>>>() else {
        tracing::info!("no npm package in {}: see wasm/build", folder.display());
        return Router::new();
    };
    files.into_iter().fold(Router::new(), |router, (name, content)| {
        let content_type = if name.ends_with(".wasm") { "application/wasm" } else { SCRIPT };
        router.route(&format!("/pinlatch/{name}"), get(async move || file(content_type, content)))
    })
}

const PACKAGE: [&str; 8] = [
    "index.js",
    "fingerprint.js",
    "locks.js",
    "requests.js",
    "storage.js",
    "worker.js",
    "dist/pinlatch.js",
    "dist/pinlatch_bg.wasm",
];

fn file<C: IntoResponse>(content_type: &'static str, content: C) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, content)
}
