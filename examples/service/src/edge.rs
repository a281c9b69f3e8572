//! What happens around a handler: bodies that are sealed, and answers that are signed.

use pinlatch::proof::ResponseParts;
use pinlatch::sealed::{AnswerSealer, Opened, REQUEST_TYPE, RESPONSE_TYPE};
use pinlatch::{ClockPolicy, Problem, SystemClock};

use crate::problem::tell;
use crate::{Received, Service};

/// A request on its way through a handler.
#[derive(Debug)]
pub struct Visit {
    received: Received,
    asked: Vec<u8>,
    answer: Option<AnswerSealer>,
}

/// What a handler is to see.
#[derive(Debug)]
pub struct Entered {
    pub body: Vec<u8>,
    /// Then it is JSON.
    pub was_sealed: bool,
}

/// An answer on its way out.
#[derive(Debug)]
pub struct Leaving {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Service {
    /// Whether there is anything to do around the handler.
    pub fn is_visit(received: &Received) -> bool {
        received.header("accept-signature").is_some() || is_sealed(received)
    }

    /// Before the handler: what it is to see, or a problem to be told in clear instead.
    pub fn enter(&self, received: Received, body: Vec<u8>) -> (Visit, Result<Entered, Problem>) {
        let (answer, entered) = match self.unseal(&received, &body) {
            Ok(Some(opened)) => (Some(opened.answer), Ok(Entered { body: opened.body.to_vec(), was_sealed: true })),
            Ok(None) => (None, Ok(Entered { body: body.clone(), was_sealed: false })),
            Err(problem) => (None, Err(problem)),
        };
        (Visit { received, asked: body, answer }, entered)
    }

    fn unseal(&self, received: &Received, body: &[u8]) -> Result<Option<Opened>, Problem> {
        if !is_sealed(received) {
            return Ok(None);
        }
        // What is signed is what goes over the wire, and handlers see another body: a request is the one or the other.
        if received.is_signed() {
            return Err(Problem::bad_request());
        }
        let lines = received.lines();
        let opened = self.0.sealing_keys.open(&self.parts(received, &lines), body, SystemClock.now());
        opened.map(Some).map_err(tell)
    }

    /// After it. Whatever the answer is, it is sealed if the request was: what went wrong is nobody else's business
    /// either.
    #[must_use]
    pub fn leave(&self, visit: Visit, mut answer: Leaving) -> Leaving {
        if let Some(sealer) = visit.answer {
            answer.body = sealer.seal(answer.status, &answer.body, &mut rand_core::UnwrapErr(getrandom::SysRng));
            answer.status = 200;
            // The same for every answer: others would tell how it went.
            let outside = |name: &str| matches!(name, "date" | "vary" | "access-control-allow-origin");
            answer.headers.retain(|(name, _)| outside(name));
            answer.headers.push(("content-type".to_owned(), RESPONSE_TYPE.into()));
            answer.headers.push(("cache-control".to_owned(), "no-store".into()));
        }
        let asked_headers = visit.received.lines();
        let headers: Vec<_> = answer.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let response = ResponseParts { status: answer.status, headers: &headers, body: &answer.body };
        let request = self.parts(&visit.received, &asked_headers);
        let signed = self.0.server_key.sign_response(&request, &visit.asked, &response, SystemClock.now());
        if let Some(signed) = signed {
            answer.headers.extend([
                ("content-digest".to_owned(), signed.content_digest.into_bytes()),
                ("signature-input".to_owned(), signed.headers.signature_input.into_bytes()),
                ("signature".to_owned(), signed.headers.signature.into_bytes()),
            ]);
        }
        answer
    }
}

fn is_sealed(received: &Received) -> bool {
    let content_type = received.header("content-type").unwrap_or_default();
    content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii() == REQUEST_TYPE.as_bytes()
}
