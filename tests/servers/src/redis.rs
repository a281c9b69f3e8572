//! A Redis server of one's own.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{accepts, assert_runs, free_port, kill, run, wait_until};

/// A server on a free port.
#[derive(Debug)]
pub struct Redis {
    directory: TempDir,
    port: u16,
    settings: Vec<String>,
    server: Child,
}

/// What keeps every answered write.
const DURABLE: [&str; 10] = [
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--no-appendfsync-on-rewrite",
    "no",
    "--save",
    "",
    "--maxmemory-policy",
    "noeviction",
];

impl Redis {
    /// Starts a new server that flushes every write.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a new server with further settings, as on its command line.
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let settings: Vec<_> = DURABLE.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
        let server = launch(&directory, port, &settings);
        Self { directory, port, settings, server }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where a client finds it.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(self.port)
    }

    /// Where a client finds it behind a proxy.
    #[must_use]
    pub fn url_at(port: u16) -> String {
        format!("redis://127.0.0.1:{port}")
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        kill(&mut self.server);
    }

    /// Stops it in its tracks: connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        run(Command::new("kill").args([signal, &self.server.id().to_string()]));
    }

    /// Starts the server that was killed; it reads its file.
    pub fn start_again(&mut self) {
        self.server = launch(&self.directory, self.port, &self.settings);
    }

    /// Runs a command, and returns what it printed.
    #[expect(clippy::must_use_candidate, reason = "many commands say nothing")]
    pub fn command(&self, words: &[&str]) -> String {
        run(Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words)).trim().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn launch(directory: &TempDir, port: u16, settings: &[String]) -> Child {
    let mut server = Command::new("redis-server");
    server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(directory.path()).args(settings);
    let mut server = server.stdout(Stdio::null()).spawn().unwrap_or_else(|error| panic!("redis-server: {error}"));
    let answers = || Command::new("redis-cli").args(["-p", &port.to_string(), "PING"]).output().unwrap().stdout;
    wait_until("Redis answers", || {
        assert_runs(&mut server);
        accepts(port) && answers().starts_with(b"PONG")
    });
    server
}
