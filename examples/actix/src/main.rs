//! pinlatch behind actix: log in with a password, come back with a PIN, call an API.
//!
//! `cargo run -p pinlatch-example-actix`, then open the address it prints.

mod http;
mod routes;

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::web::{Data, JsonConfig, PayloadConfig};
use actix_web::{App, HttpServer};
use pinlatch_example_service::{Config, Error, MAX_BODY, announce, begin_log, files, report, stop};

#[actix_web::main]
async fn main() -> ExitCode {
    begin_log();
    report(run().await)
}

async fn run() -> Result<(), Error> {
    let config = Config::from_env()?;
    let listener = TcpListener::bind(config.addr)?;
    let address = listener.local_addr()?;
    let service = config.service(address).await?;
    tokio::spawn(service.clone().tidy_up());
    let files = Arc::new(files(&config.package));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(service.clone()))
            .app_data(JsonConfig::default().limit(MAX_BODY))
            .app_data(PayloadConfig::new(MAX_BODY))
            .configure(routes::api)
            .configure(|config| routes::pages(config, &files))
            .wrap(from_fn(http::edge))
    });
    let server = server.disable_signals().listen(listener)?.run();
    let handle = server.handle();
    tokio::spawn(async move {
        stop().await;
        handle.stop(true).await;
    });
    announce(address);
    Ok(server.await?)
}
