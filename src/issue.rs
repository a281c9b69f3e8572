//! Beginning a session after a full login.

use rand_core::CryptoRng;

use crate::context::Context;
use crate::handout::{Handout, Place, mint};
use crate::id::{DeviceLabel, SessionId, Subject};
use crate::session::{Lock, SessionState};
use crate::situation::RequestContext;
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::wrap::WrappedToken;

/// Evidence of a full login, used up by the session it begins.
#[derive(Debug)]
#[must_use = "a login that begins no session has no effect"]
pub struct FullLogin {
    subject: Subject,
    label: Option<DeviceLabel>,
    request: RequestContext,
}

impl FullLogin {
    /// The host vouches that it has just checked the subject's full credentials.
    pub fn vouched_by_host(subject: Subject) -> Self {
        Self { subject, label: None, request: RequestContext::default() }
    }

    /// What the session list will call the device.
    pub fn with_label(self, label: impl Into<Option<DeviceLabel>>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// From where the login comes. A criterion that [remembers](crate::Criterion::remembers) begins with it.
    pub fn with_request(self, request: RequestContext) -> Self {
        Self { request, ..self }
    }

    /// From where the login comes.
    #[must_use]
    pub const fn request(&self) -> &RequestContext {
        &self.request
    }

    /// Who logged in.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
}

/// A session that is to be stored, and the token that opens it.
#[derive(Debug)]
#[must_use = "the session must be stored before the token is handed out"]
pub struct Issued<T = WrappedToken> {
    /// What to store, as a new record.
    pub state: SessionState,
    /// What goes to the device.
    pub device_token: T,
}

/// Begins a session of a subject, with one lock.
pub fn issue<H: Handout, R: CryptoRng + ?Sized>(
    login: FullLogin,
    subject: &SubjectState,
    handout: &H,
    context: &Context<'_>,
    rng: &mut R,
) -> Issued<H::Token> {
    let (id, index, kind) = (SessionId::random(rng), 0, handout.lock_kind());
    let place = Place { subject: &login.subject, session_id: id, lock_index: index, wrong_pins_before: 0 };
    let (wrap, device_token) = mint(&place, handout, context.keys, rng);
    let state = SessionState {
        id,
        subject: login.subject,
        label: login.label,
        epoch: subject.epoch.clone(),
        created_at: context.now,
        last_used_at: context.now,
        unlocked_at: context.now,
        last_seen: context.seen.kept(context.remembered),
        wrong_pins: 0,
        locks: vec![Lock::new(index, kind, wrap, context.now, UnixTime::default())],
    };
    Issued { state, device_token }
}
