//! pinlatch behind axum: log in with a password, come back with a PIN, call an API.
//!
//! `cargo run -p pinlatch-example-axum`, then open the address it prints.

mod http;
mod routes;

use std::net::SocketAddr;
use std::process::ExitCode;

use axum::middleware::from_fn_with_state;
use pinlatch_example_service::{Config, Error, announce, begin_log, report, stop};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    begin_log();
    report(run().await)
}

async fn run() -> Result<(), Error> {
    let config = Config::from_env()?;
    let listener = TcpListener::bind(config.addr).await?;
    let address = listener.local_addr()?;
    let service = config.service(address).await?;
    tokio::spawn(service.clone().tidy_up());
    let router = routes::pages(&config.package).merge(routes::api().with_state(service.clone()));
    let router = router.layer(from_fn_with_state(service, http::edge));
    announce(address);
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, router).with_graceful_shutdown(stop()).await?)
}
