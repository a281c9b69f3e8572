//! Logging in with a code by SMS, and the gateway of a demo, which sends nothing.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRef, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use pinlatch::id::{OtpPurpose, Recipient};
use pinlatch::otp::{OtpCode, Sms};
use pinlatch::sender::{SendFuture, SmsSender};
use pinlatch::{Delivery, OneTimeCodes, PendingCode, Sessions};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Body, MAX_BODY, answer, context, to_the_end};
use crate::begin::{NewLock, begin};
use crate::problem::Problem;
use crate::users;

/// What these handlers need.
#[derive(Clone, FromRef)]
pub(crate) struct Codes {
    pub(crate) codes: OneTimeCodes,
    pub(crate) sessions: Sessions,
}

/// The calls, and if somebody wants to look into it, the outbox.
pub(crate) fn routes(codes: Codes, outbox: Option<Outbox>) -> Router {
    let routes = Router::new()
        .route("/otp/start", post(start))
        .route("/otp/resend", post(resend))
        .route("/otp/login", post(login));
    let routes = match outbox {
        Some(outbox) => routes.route("/demo/outbox", get(async move || answer(StatusCode::OK, outbox.messages()))),
        None => routes,
    };
    routes.layer(DefaultBodyLimit::max(MAX_BODY)).with_state(codes)
}

#[derive(Deserialize)]
struct Start {
    phone: String,
}

async fn start(
    State(codes): State<OneTimeCodes>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Body(body): Body<Start>,
) -> Result<Response, Problem> {
    let recipient = Recipient::phone(&body.phone).map_err(|_| Problem::new("bad_request"))?;
    let subject = users::with_phone(&recipient);
    let start = async move { codes.start(&OtpPurpose::login(), recipient, subject, &context(client)).await };
    let pending = to_the_end(start).await??;
    Ok(answer(StatusCode::CREATED, on_its_way(pending)))
}

#[derive(Deserialize)]
struct Resend {
    challenge: String,
}

async fn resend(
    State(codes): State<OneTimeCodes>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Body(body): Body<Resend>,
) -> Result<Response, Problem> {
    let resend = async move { codes.resend(&body.challenge, &context(client)).await };
    let pending = to_the_end(resend).await??;
    Ok(answer(StatusCode::OK, on_its_way(pending)))
}

/// The answer does not wait for the gateway: how long that takes would tell whether anybody has the number.
fn on_its_way(pending: PendingCode) -> Value {
    tokio::spawn(deliver(pending.delivery));
    json!({
        "challenge": *pending.challenge.to_text(),
        "digits": pending.digits,
        "hint": pending.hint,
        "resend_after": pending.resend_after.as_millis().div_ceil(1000),
        "expires_in": pending.expires_in.as_secs(),
    })
}

async fn deliver(delivery: Delivery) {
    if let Err(error) = delivery.run().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "a code was not sent");
    }
}

#[derive(Deserialize)]
struct Login {
    challenge: String,
    code: Code,
    #[serde(flatten)]
    lock: NewLock,
}

/// A code in a body: text, as it was typed.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Code(OtpCode);

impl TryFrom<String> for Code {
    type Error = pinlatch::otp::NotACode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

async fn login(
    State(codes): State<OneTimeCodes>,
    State(sessions): State<Sessions>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Body(body): Body<Login>,
) -> Result<Response, Problem> {
    // A code is good for once: whatever is wrong with the rest must not cost it.
    let lock = body.lock.accept(&sessions)?;
    let login = async move {
        let login = codes.log_in(&body.challenge, &body.code.0, &context(client)).await?;
        begin(&sessions, login, lock).await
    };
    to_the_end(login).await?
}

/// The demo's gateway: what it is to send stands in the log, and here for the tests and the page's reader, if they asked.
#[derive(Clone, Default)]
pub(crate) struct Outbox(Arc<Mutex<VecDeque<Value>>>);

impl Outbox {
    const LATEST: usize = 20;

    fn messages(&self) -> Vec<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl SmsSender for Outbox {
    fn send<'a>(&'a self, sms: &'a Sms) -> SendFuture<'a> {
        let (to, text) = (sms.recipient().as_str(), sms.expose_secret());
        tracing::info!(to, text, segments = sms.segments(), "the demo's SMS gateway");
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push_front(json!({"to": to, "text": text}));
        messages.truncate(Self::LATEST);
        Box::pin(std::future::ready(Ok(())))
    }
}
