//! Requests and answers, as axum has them.

use std::net::SocketAddr;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, OriginalUri, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pinlatch::{Problem, RequestContext, VerifiedAccess};
use pinlatch_example_service::{Answer, Entered, Leaving, MAX_ANSWER, MAX_BODY, Received, Service};
use serde::de::DeserializeOwned;

/// What a call answers.
pub(crate) struct Reply(Answer);

impl<T: Into<Answer>> From<T> for Reply {
    fn from(answer: T) -> Self {
        Self(answer.into())
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let Answer { status, headers, body } = self.0;
        let mut response = Response::new(Body::from(body.into_owned()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::try_from(value.as_ref()) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// A JSON body, or a problem that says no more than that it was not one.
pub(crate) struct Read<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Read<T> {
    type Rejection = Reply;

    async fn from_request(request: Request, state: &S) -> Result<Self, Reply> {
        let Json(body) = Json::from_request(request, state).await.map_err(|_| Problem::bad_request())?;
        Ok(Self(body))
    }
}

/// From where a request comes.
pub(crate) struct Client(pub(crate) RequestContext);

impl FromRequestParts<Service> for Client {
    type Rejection = Reply;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Reply> {
        let connection = parts.extensions.get().map(|ConnectInfo::<SocketAddr>(address)| address.ip());
        Ok(Self(service.context(&received(parts), connection)))
    }
}

/// Who calls, on routes that ask for no signature.
pub(crate) struct Bearer(pub(crate) VerifiedAccess);

impl FromRequestParts<Service> for Bearer {
    type Rejection = Reply;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Reply> {
        service.bearer(&received(parts)).await.map(Self).map_err(Reply::from)
    }
}

/// A request that has to be signed, and its body.
pub(crate) struct Signed(pub(crate) Received, pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Signed {
    type Rejection = Reply;

    async fn from_request(request: Request, state: &S) -> Result<Self, Reply> {
        let (parts, body) = request.into_parts();
        let mut received = received(&parts);
        let body = Bytes::from_request(Request::new(body), state).await.map_err(|_| Problem::bad_request())?;
        received.has_body = !body.is_empty();
        Ok(Self(received, body))
    }
}

/// Under the path that the client has sent, before any router took a prefix off it.
fn received(parts: &Parts) -> Received {
    let uri = parts.extensions.get().map_or(&parts.uri, |OriginalUri(uri)| uri);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    Received::unread(parts.method.as_str(), target, lines(&parts.headers))
}

fn lines(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// Opens what is sealed before any handler sees it, and seals and signs what goes back.
pub(crate) async fn edge(State(service): State<Service>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut received = received(&parts);
    if !Service::is_visit(&received) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return Reply::from(Problem::bad_request()).into_response() };
    received.has_body = !body.is_empty();
    let (visit, entered) = service.enter(received, body.into());
    let response = match entered {
        Ok(Entered { body, was_sealed }) => {
            if was_sealed {
                parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            }
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
        Err(problem) => Reply::from(problem).into_response(),
    };
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, MAX_ANSWER).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let answer = Leaving { status: parts.status.as_u16(), headers: lines(&parts.headers), body: body.into() };
    let Leaving { status, headers, body } = service.leave(visit, answer);
    parts.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    parts.headers =
        headers.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.try_into().ok()?))).collect();
    Response::from_parts(parts, Body::from(body))
}
