//! Requests and answers, as actix has them.

use std::future::{Future, ready};
use std::pin::Pin;

use actix_web::body::{BoxBody, MessageBody, to_bytes_limited};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data, Json};
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, Responder};
use futures_util::stream;
use pinlatch::{Problem, RequestContext, VerifiedAccess};
use pinlatch_example_service::{Answer, Entered, Leaving, MAX_ANSWER, Received, Service};
use serde::de::DeserializeOwned;

/// What a call answers.
pub(crate) struct Reply(Answer);

impl<T: Into<Answer>> From<T> for Reply {
    fn from(answer: T) -> Self {
        Self(answer.into())
    }
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        let Answer { status, headers, body } = self.0;
        let mut response = HttpResponse::build(status_code(status));
        for (name, value) in headers {
            response.insert_header((name, value.as_ref()));
        }
        response.body(body.into_owned())
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A request that goes no further.
fn refused(problem: Problem, request: &HttpRequest) -> Error {
    InternalError::from_response("refused", Reply::from(problem).respond_to(request)).into()
}

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

/// A JSON body, or a problem that says no more than that it was not one.
pub(crate) struct Read<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Read<T> {
    type Error = Error;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Reading<Self> {
        let (json, request) = (Json::<T>::from_request(request, payload), request.clone());
        Box::pin(async move {
            let body = json.await.map_err(|_| refused(Problem::bad_request(), &request))?;
            Ok(Self(body.into_inner()))
        })
    }
}

/// The service, which `main` has registered.
fn service(request: &HttpRequest) -> Result<Data<Service>, Error> {
    let missing = || InternalError::new("no service", StatusCode::INTERNAL_SERVER_ERROR);
    Ok(request.app_data::<Data<Service>>().cloned().ok_or_else(missing)?)
}

/// From where a request comes.
pub(crate) struct Client(pub(crate) RequestContext);

impl FromRequest for Client {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let connection = request.peer_addr().map(|address| address.ip());
        ready(service(request).map(|service| Self(service.context(&received(request), connection))))
    }
}

/// Who calls, on routes that ask for no signature.
pub(crate) struct Bearer(pub(crate) VerifiedAccess);

impl FromRequest for Bearer {
    type Error = Error;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Reading<Self> {
        let (request, service) = (request.clone(), service(request));
        Box::pin(async move {
            let access = service?.bearer(&received(&request)).await;
            access.map(Self).map_err(|problem| refused(problem, &request))
        })
    }
}

/// A request that has to be signed, and its body.
pub(crate) struct Signed(pub(crate) Received, pub(crate) Bytes);

impl FromRequest for Signed {
    type Error = Error;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Reading<Self> {
        let (body, request) = (Bytes::from_request(request, payload), request.clone());
        Box::pin(async move {
            let body = body.await.map_err(|_| refused(Problem::bad_request(), &request))?;
            let mut received = received(&request);
            received.has_body = !body.is_empty();
            Ok(Self(received, body))
        })
    }
}

/// Under the path that the client has sent: scopes take no prefix off it.
fn received(request: &HttpRequest) -> Received {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    Received::unread(request.method().as_str(), target, lines(request.headers()))
}

fn lines(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// Opens what is sealed before any handler sees it, and seals and signs what goes back.
pub(crate) async fn edge(
    service: Data<Service>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut received = received(request.request());
    if !Service::is_visit(&received) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let body = request.extract::<Bytes>().await.map_err(|_| refused(Problem::bad_request(), request.request()))?;
    received.has_body = !body.is_empty();
    let (visit, entered) = service.enter(received, body.into());
    let (request, response) = match entered {
        Ok(Entered { body, was_sealed }) => {
            if was_sealed {
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            }
            request.set_payload(Payload::from(Box::pin(stream::once(ready(Ok(Bytes::from(body))))) as Pin<Box<_>>));
            next.call(request).await?.map_into_boxed_body().into_parts()
        }
        Err(problem) => {
            let (request, _) = request.into_parts();
            let response = Reply::from(problem).respond_to(&request);
            (request, response)
        }
    };
    let (mut response, body) = response.into_parts();
    let too_long = || InternalError::new("too long", StatusCode::INTERNAL_SERVER_ERROR);
    let body = to_bytes_limited(body, MAX_ANSWER).await.ok().and_then(Result::ok).ok_or_else(too_long)?;
    let answer = Leaving { status: response.status().as_u16(), headers: lines(response.headers()), body: body.into() };
    let Leaving { status, headers, body } = service.leave(visit, answer);
    *response.status_mut() = status_code(status);
    response.headers_mut().clear();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(ServiceResponse::new(request, response.set_body(BoxBody::new(body))))
}
