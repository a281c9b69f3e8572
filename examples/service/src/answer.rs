//! Answers, before a web framework has them.

use std::borrow::Cow;

use pinlatch::Problem;
use serde_json::Value;

/// Status, headers and body of an answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    pub body: Cow<'static, [u8]>,
}

/// What a call comes to.
pub type Outcome = Result<Answer, Problem>;

impl Answer {
    /// Holds tokens, perhaps; no cache may keep it.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let answer = Self::of("application/json", body.to_string()).header("cache-control", "no-store");
        Self { status, ..answer }
    }

    pub(crate) fn of(content_type: &'static str, body: String) -> Self {
        Self { status: 200, headers: Vec::new(), body: Cow::Owned(body.into_bytes()) }
            .header("content-type", content_type)
            .header("x-content-type-options", "nosniff")
    }

    pub(crate) fn empty() -> Self {
        Self { status: 204, headers: Vec::new(), body: Cow::Borrowed(&[]) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let mut headers: Vec<_> = problem.headers().map(|(name, value)| (name, value.into())).collect();
        headers.push(("x-content-type-options", "nosniff".into()));
        Self { status: problem.status(), headers, body: Cow::Owned(problem.to_json().into_bytes()) }
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        outcome.unwrap_or_else(Self::from)
    }
}
