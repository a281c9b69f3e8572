//! A client process, and the servers as one thing.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pinlatch::UnixTime;
use pinlatch::record::{Record, RecordKey, RecordKind};
use pinlatch_test_servers::{Postgres, Redis};

/// A record without an owner.
pub(crate) fn record(mark: u8, revision: u64) -> Record {
    Record {
        key: RecordKey { kind: RecordKind::Session, id: [mark; 16] },
        owner: None,
        revision,
        expires_at: UnixTime::from_secs(4_000_000_000),
        body: vec![mark; 300],
    }
}

/// One of the servers.
pub(crate) enum Server {
    Postgres(Postgres),
    Redis(Redis),
}

impl Server {
    pub(crate) fn postgres() -> Self {
        Self::Postgres(Postgres::start())
    }

    pub(crate) fn redis() -> Self {
        Self::Redis(Redis::start())
    }

    pub(crate) fn url(&self) -> String {
        self.url_at(self.port())
    }

    pub(crate) fn url_at(&self, port: u16) -> String {
        match self {
            Self::Postgres(_) => Postgres::url_at(port),
            Self::Redis(_) => Redis::url_at(port),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Postgres(server) => server.port(),
            Self::Redis(server) => server.port(),
        }
    }

    pub(crate) fn kill(&mut self) {
        match self {
            Self::Postgres(server) => server.kill(),
            Self::Redis(server) => server.kill(),
        }
    }

    pub(crate) fn start_again(&mut self) {
        match self {
            Self::Postgres(server) => server.start_again(),
            Self::Redis(server) => server.start_again(),
        }
    }
}

/// A process with a service on a store.
pub(crate) struct Client {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    pub(crate) fn start(url: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pinlatch-store-tests"))
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (questions, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut client = Self { process, questions, answers };
        assert_eq!(client.answer(), ["ready"]);
        client
    }

    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.questions, "{command}").unwrap();
    }

    pub(crate) fn answer(&mut self) -> Vec<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the client process has died");
        line.split_whitespace().map(str::to_owned).collect()
    }

    pub(crate) fn ask(&mut self, command: &str) -> Vec<String> {
        self.tell(command);
        self.answer()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Dead already is as good.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
