//! Private PostgreSQL and Redis servers for the tests: on free loopback ports, in temporary directories, gone when
//! dropped. And a proxy that breaks connections.
#![allow(clippy::missing_panics_doc, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cluster;
mod postgres;
mod proxy;
mod redis;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use cluster::RedisCluster;
pub use postgres::Postgres;
pub use proxy::{Fault, Proxy};
pub use redis::Redis;

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Waits until something holds, a minute at most.
#[expect(clippy::disallowed_methods, reason = "a test may look at the clock")]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        sleep(Duration::from_millis(10));
    }
}

/// Runs a tool to its end.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error} (tests/run installs it)"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A server that does not start says so at once, and not as another one on its port.
fn assert_runs(server: &mut Child) {
    let ended = server.try_wait().unwrap();
    assert!(ended.is_none(), "the server did not start: {ended:?}");
}

/// `kill -9`.
fn kill(child: &mut Child) {
    // Dead already is as good.
    drop(child.kill());
    drop(child.wait());
}
