//! The calls: each reads a request and gives it to the service.

use std::future::ready;
use std::sync::Arc;

use actix_web::web::{Data, Path, ServiceConfig, delete, get, post, resource, to};
use pinlatch_example_service::{ChangePin, CodeLogin, File, Forget, Login, Opening, Resend, Service, Start};

use crate::http::{Bearer, Client, Read, Reply, Signed};

pub(crate) fn api(config: &mut ServiceConfig) {
    config
        .service(resource("/login").route(post().to(login)))
        .service(resource("/otp/start").route(post().to(start_code)))
        .service(resource("/otp/resend").route(post().to(resend_code)))
        .service(resource("/otp/login").route(post().to(login_with_code)))
        .service(resource("/authorize").route(post().to(authorize)))
        .service(resource("/pin").route(post().to(change_pin)))
        .service(resource("/device-key/add").route(post().to(add_device_key)))
        .service(resource("/device-key/remove").route(post().to(remove_device_key)))
        .service(resource("/renew").route(post().to(renew)))
        .service(resource("/api/me").route(get().to(me)))
        .service(resource("/api/transfer").route(post().to(transfer)))
        .service(resource("/sessions").route(get().to(sessions)))
        .service(resource("/sessions/{id}").route(delete().to(revoke)))
        .service(resource("/logout").route(post().to(logout)))
        .service(resource("/logout-all").route(post().to(logout_all)))
        .service(resource("/forget").route(post().to(forget)))
        .service(resource("/demo/outbox").route(get().to(outbox)))
        .service(resource("/.well-known/jwks.json").route(get().to(jwks)))
        .service(resource("/.well-known/http-message-signatures-directory").route(get().to(server_keys)))
        .default_service(to(not_found));
}

/// The page, and the npm package that it uses.
pub(crate) fn pages(config: &mut ServiceConfig, files: &Arc<Vec<File>>) {
    for at in 0..files.len() {
        let files = files.clone();
        let path = files[at].path.clone();
        let page = move || ready(Reply::from(files[at].answer()));
        config.service(resource(path).route(get().to(page)));
    }
}

async fn login(service: Data<Service>, Client(context): Client, Read(login): Read<Login>) -> Reply {
    service.login(login, context).await.into()
}

async fn start_code(service: Data<Service>, Client(context): Client, Read(start): Read<Start>) -> Reply {
    service.start_code(start, context).await.into()
}

async fn resend_code(service: Data<Service>, Client(context): Client, Read(resend): Read<Resend>) -> Reply {
    service.resend_code(resend, context).await.into()
}

async fn login_with_code(service: Data<Service>, Client(context): Client, Read(login): Read<CodeLogin>) -> Reply {
    service.login_with_code(login, context).await.into()
}

async fn authorize(service: Data<Service>, Client(context): Client, Read(opening): Read<Opening>) -> Reply {
    service.authorize(opening, context).await.into()
}

async fn change_pin(service: Data<Service>, Client(context): Client, Read(change): Read<ChangePin>) -> Reply {
    service.change_pin(change, context).await.into()
}

async fn add_device_key(service: Data<Service>, Client(context): Client, Read(opening): Read<Opening>) -> Reply {
    service.add_device_key(opening, context).await.into()
}

async fn remove_device_key(service: Data<Service>, Client(context): Client, Read(opening): Read<Opening>) -> Reply {
    service.remove_device_key(opening, context).await.into()
}

async fn renew(service: Data<Service>, Client(context): Client, Signed(received, body): Signed) -> Reply {
    service.renew(&received, &body, context).await.into()
}

async fn transfer(service: Data<Service>, Signed(received, body): Signed) -> Reply {
    service.transfer(&received, &body).await.into()
}

async fn sessions(service: Data<Service>, Bearer(access): Bearer) -> Reply {
    service.sessions(&access).await.into()
}

async fn revoke(service: Data<Service>, Bearer(access): Bearer, id: Path<String>) -> Reply {
    service.revoke(&access, &id).await.into()
}

async fn logout(service: Data<Service>, Bearer(access): Bearer) -> Reply {
    service.logout(&access).await.into()
}

async fn forget(service: Data<Service>, Read(forget): Read<Forget>) -> Reply {
    service.forget(forget).await.into()
}

async fn logout_all(service: Data<Service>, Bearer(access): Bearer) -> Reply {
    service.logout_all(&access).await.into()
}

async fn me(service: Data<Service>, Bearer(access): Bearer) -> Reply {
    service.me(&access).into()
}

async fn outbox(service: Data<Service>) -> Reply {
    service.outbox().into()
}

async fn jwks(service: Data<Service>) -> Reply {
    service.jwks().into()
}

async fn server_keys(service: Data<Service>) -> Reply {
    service.server_keys().into()
}

async fn not_found(service: Data<Service>) -> Reply {
    service.not_found().into()
}
