//! Starting, and stopping.

use std::net::SocketAddr;
use std::process::ExitCode;

pub type Error = Box<dyn std::error::Error>;

/// Events go to the standard error.
pub fn begin_log() {
    tracing_subscriber::fmt().with_target(false).with_writer(std::io::stderr).init();
}

/// How the process ends: with what went wrong, and what caused it.
pub fn report(outcome: Result<(), Error>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let causes = std::iter::successors(Some(&*error as &dyn std::error::Error), |error| error.source());
    tracing::error!("{}", causes.map(ToString::to_string).collect::<Vec<_>>().join(": "));
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "the one line that a person or a script reads")]
pub fn announce(addr: SocketAddr) {
    println!("pinlatch demo on http://{addr} (log in as alice, password: correct horse battery staple)");
}

/// Ends when somebody at the terminal or the system says so.
pub async fn stop() {
    #[cfg(unix)]
    let told_by_the_system = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let told_by_the_system = std::future::pending::<()>();
    let told_at_the_terminal = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!("no signal handler ({error}): stop the server by killing it");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = told_by_the_system => {}
        () = told_at_the_terminal => {}
    }
}
