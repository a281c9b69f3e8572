//! pinlatch behind axum: log in with a password, come back with a PIN, call an API.
//!
//! `cargo run -p pinlatch-example-axum`, then open the address it prints.

mod api;
mod begin;
mod codes;
mod config;
mod limits;
mod page;
mod problem;
mod sealed;
mod signed;
mod unlock;
mod users;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use pinlatch::Sessions;
use tokio::net::TcpListener;

use crate::config::{Config, Parts};
use crate::limits::Limits;
use crate::sealed::unseal;
use crate::signed::sign_answers;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_target(false).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// The text of an error and of what caused it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::from_env()?;
    let listener = TcpListener::bind(config.addr).await?;
    let Parts { app, codes, outbox, limits } = config.parts(listener.local_addr()?).await?;
    announce(listener.local_addr()?);
    tokio::spawn(tidy_up(app.sessions.clone(), limits));
    let router = Router::new().merge(api::routes(app.clone())).merge(codes::routes(codes, outbox));
    let router = router.merge(page::routes()).merge(page::package(&config.package));
    let router = router.layer(from_fn_with_state(app.sealing_keys.clone(), unseal));
    let router = router.layer(from_fn_with_state(app, sign_answers));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop()).await?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the one line that a person or a script reads")]
fn announce(addr: SocketAddr) {
    println!("pinlatch demo on http://{addr} (log in as alice, password: correct horse battery staple)");
}

/// Ends when somebody at the terminal or the system says so. Requests under way are answered first.
async fn stop() {
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

/// Removes what ended. Nothing depends on it.
async fn tidy_up(sessions: Sessions, limits: Limits) {
    const AT_ONCE: u32 = 10_000;
    let mut every_two_minutes = tokio::time::interval(Duration::from_secs(120));
    loop {
        every_two_minutes.tick().await;
        limits.tidy_up();
        loop {
            match sessions.purge(AT_ONCE).await {
                Ok(purged) if purged >= u64::from(AT_ONCE) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!("purging: {}", with_causes(&error));
                    break;
                }
            }
        }
    }
}
