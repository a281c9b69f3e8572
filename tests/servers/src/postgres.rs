//! A PostgreSQL server of one's own.

use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{accepts, assert_runs, free_port, kill, run, wait_until};

/// A server with a database `postgres` and a user `postgres`, whom it trusts.
#[derive(Debug)]
pub struct Postgres {
    directory: TempDir,
    port: u16,
    server: Child,
}

impl Postgres {
    /// Starts a new server with everything flushed.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a new server with settings as in `postgresql.conf`.
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        let directory = directory();
        let data = directory.path().join("data");
        let mut initdb = as_server_user(Command::new(tool("initdb")));
        run(initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "-D"]).arg(&data));
        let port = free_port();
        let mut configuration = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 200\n"
        );
        for setting in settings {
            configuration.push_str(setting);
            configuration.push('\n');
        }
        fs::write(data.join("postgresql.auto.conf"), configuration).unwrap();
        let server = launch(&data, port);
        Self { directory, port, server }
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
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// `kill -9` of the server and all its processes.
    pub fn kill(&mut self) {
        let server = self.server.id().to_string();
        let children = Command::new("pgrep").args(["-P", &server]).output().unwrap().stdout;
        let children = String::from_utf8(children).unwrap();
        kill(&mut self.server);
        // Those that noticed are gone already.
        drop(Command::new("kill").arg("-9").args(children.split_whitespace()).stderr(Stdio::null()).status());
        wait_until("its processes are gone", || {
            children.split_whitespace().all(|child| !Path::new("/proc").join(child).exists())
        });
    }

    /// Starts the server that was killed; it recovers.
    pub fn start_again(&mut self) {
        self.server = launch(&self.data(), self.port);
    }

    /// Stops the server and starts it as a standby of nobody: it answers, but its rows may be old.
    pub fn become_standby(&mut self) {
        run(as_server_user(Command::new(tool("pg_ctl"))).args(["stop", "-m", "fast", "-w", "-D"]).arg(self.data()));
        drop(self.server.wait());
        fs::write(self.data().join("standby.signal"), "").unwrap();
        self.start_again();
    }

    /// Starts a standby that hears of what is committed here through a port of its own choice, a proxy's for instance.
    #[must_use]
    pub fn standby(&self, port_of_primary: u16) -> Self {
        let directory = directory();
        let data = directory.path().join("data");
        let mut copy = as_server_user(Command::new(tool("pg_basebackup")));
        run(copy.args(["--no-sync", "--checkpoint=fast", "-d", &self.url(), "-D"]).arg(&data));
        let port = free_port();
        // It waits for no standby of its own once it is the primary.
        let configuration = format!(
            "port = {port}\nsynchronous_standby_names = ''\n\
             primary_conninfo = 'host=127.0.0.1 port={port_of_primary} user=postgres'\n"
        );
        let mut file = fs::OpenOptions::new().append(true).open(data.join("postgresql.auto.conf")).unwrap();
        file.write_all(configuration.as_bytes()).unwrap();
        fs::write(data.join("standby.signal"), "").unwrap();
        let server = launch(&data, port);
        Self { directory, port, server }
    }

    /// Waits until this standby has all that its primary has.
    pub fn catch_up_with(&self, primary: &Self) {
        let written = primary.sql("SELECT pg_current_wal_lsn()");
        let caught_up = format!("SELECT pg_last_wal_replay_lsn() >= '{}'", written.trim());
        wait_until("the standby has caught up", || self.sql(&caught_up).trim() == "t");
    }

    /// Makes the standby a primary.
    pub fn promote(&self) {
        run(as_server_user(Command::new(tool("pg_ctl"))).args(["promote", "-w", "-D"]).arg(self.data()));
    }

    /// Runs SQL, and returns what it printed.
    #[expect(clippy::must_use_candidate, reason = "many commands say nothing")]
    pub fn sql(&self, sql: &str) -> String {
        let mut psql = Command::new(tool("psql"));
        run(psql.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", sql]))
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// For the server's files.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    if let Some((uid, gid)) = server_user() {
        chown(directory.path(), Some(uid), Some(gid)).unwrap();
    }
    directory
}

fn launch(data: &Path, port: u16) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(data.with_file_name("log")).unwrap();
    let mut server = as_server_user(Command::new(tool("postgres")));
    let mut server = server.arg("-D").arg(data).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let ready = || Command::new(tool("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
    wait_until("PostgreSQL accepts connections", || {
        assert_runs(&mut server);
        accepts(port) && ready().unwrap().success()
    });
    server
}

/// A program of the server's, where Debian or the path has it.
fn tool(name: &str) -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = installed.map(|version| version.path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

/// The server refuses to be root's.
fn server_user() -> Option<(u32, u32)> {
    let id = |args: &[&str]| run(Command::new("id").args(args)).trim().parse::<u32>().unwrap();
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn as_server_user(mut command: Command) -> Command {
    if let Some((uid, gid)) = server_user() {
        command.uid(uid).gid(gid);
    }
    command.current_dir("/");
    command
}
