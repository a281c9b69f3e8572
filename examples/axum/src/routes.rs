//! The calls: each reads a request and gives it to the service.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path as InPath, State};
use axum::routing::{delete, get, post};
use pinlatch_example_service::{ChangePin, CodeLogin, Forget, Login, MAX_BODY, Opening, Resend, Service, Start, files};

use crate::http::{Bearer, Client, Read, Reply, Signed};

pub(crate) fn api() -> Router<Service> {
    Router::new()
        .route("/login", post(login))
        .route("/otp/start", post(start_code))
        .route("/otp/resend", post(resend_code))
        .route("/otp/login", post(login_with_code))
        .route("/authorize", post(authorize))
        .route("/pin", post(change_pin))
        .route("/device-key/add", post(add_device_key))
        .route("/device-key/remove", post(remove_device_key))
        .route("/renew", post(renew))
        .route("/api/me", get(me))
        .route("/api/transfer", post(transfer))
        .route("/sessions", get(sessions))
        .route("/sessions/{id}", delete(revoke))
        .route("/logout", post(logout))
        .route("/logout-all", post(logout_all))
        .route("/forget", post(forget))
        .route("/demo/outbox", get(outbox))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/.well-known/http-message-signatures-directory", get(server_keys))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

/// The page, and the npm package that it uses.
pub(crate) fn pages(package: &Path) -> Router {
    files(package).into_iter().fold(Router::new(), |router, file| {
        let (path, file) = (file.path.clone(), Arc::new(file));
        router.route(&path, get(async move || Reply::from(file.answer())))
    })
}

async fn login(service: State<Service>, Client(context): Client, Read(login): Read<Login>) -> Reply {
    service.login(login, context).await.into()
}

async fn start_code(service: State<Service>, Client(context): Client, Read(start): Read<Start>) -> Reply {
    service.start_code(start, context).await.into()
}

async fn resend_code(service: State<Service>, Client(context): Client, Read(resend): Read<Resend>) -> Reply {
    service.resend_code(resend, context).await.into()
}

async fn login_with_code(service: State<Service>, Client(context): Client, Read(login): Read<CodeLogin>) -> Reply {
    service.login_with_code(login, context).await.into()
}

async fn authorize(service: State<Service>, Client(context): Client, Read(opening): Read<Opening>) -> Reply {
    service.authorize(opening, context).await.into()
}

async fn change_pin(service: State<Service>, Client(context): Client, Read(change): Read<ChangePin>) -> Reply {
    service.change_pin(change, context).await.into()
}

async fn add_device_key(service: State<Service>, Client(context): Client, Read(opening): Read<Opening>) -> Reply {
    service.add_device_key(opening, context).await.into()
}

async fn remove_device_key(service: State<Service>, Client(context): Client, Read(opening): Read<Opening>) -> Reply {
    service.remove_device_key(opening, context).await.into()
}

async fn renew(service: State<Service>, Client(context): Client, Signed(received, body): Signed) -> Reply {
    service.renew(&received, &body, context).await.into()
}

async fn transfer(service: State<Service>, Signed(received, body): Signed) -> Reply {
    service.transfer(&received, &body).await.into()
}

async fn sessions(service: State<Service>, Bearer(access): Bearer) -> Reply {
    service.sessions(&access).await.into()
}

async fn revoke(service: State<Service>, Bearer(access): Bearer, InPath(id): InPath<String>) -> Reply {
    service.revoke(&access, &id).await.into()
}

async fn logout(service: State<Service>, Bearer(access): Bearer) -> Reply {
    service.logout(&access).await.into()
}

async fn forget(service: State<Service>, Read(forget): Read<Forget>) -> Reply {
    service.forget(forget).await.into()
}

async fn logout_all(service: State<Service>, Bearer(access): Bearer) -> Reply {
    service.logout_all(&access).await.into()
}

async fn me(service: State<Service>, Bearer(access): Bearer) -> Reply {
    service.me(&access).into()
}

async fn outbox(service: State<Service>) -> Reply {
    service.outbox().into()
}

async fn jwks(service: State<Service>) -> Reply {
    service.jwks().into()
}

async fn server_keys(service: State<Service>) -> Reply {
    service.server_keys().into()
}

async fn not_found(service: State<Service>) -> Reply {
    service.not_found().into()
}
