//! The SMS gateway of a demo, which sends nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use pinlatch::otp::Sms;
use pinlatch::sender::{SendFuture, SmsSender};
use serde_json::{Value, json};

/// What it is to send stands in the log, and here for the tests and the page's reader, if they asked.
#[derive(Clone, Default)]
pub(crate) struct Outbox(Arc<Mutex<VecDeque<Value>>>);

impl Outbox {
    const LATEST: usize = 20;

    pub(crate) fn messages(&self) -> Vec<Value> {
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
