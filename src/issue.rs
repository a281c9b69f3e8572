//! Beginning a session after a full login, and minting wraps for it.

use rand_core::CryptoRng;

use crate::attempts::Attempts;
use crate::context::Context;
use crate::id::{DeviceLabel, SessionId, Subject};
use crate::keyring::Keys;
use crate::session::{Lock, LockKind, SessionState, Wrap};
use crate::situation::RequestContext;
use crate::stretched_pin::StretchedPin;
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::token::{SessionToken, WrapId};
use crate::wrap::{Handle, WrappedToken, wrap_token};

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

/// A session that is to be stored, and the wrapped token that opens it.
#[derive(Debug)]
#[must_use = "the session must be stored before the wrapped token is handed out"]
pub struct Issued {
    /// What to store, as a new record.
    pub state: SessionState,
    /// What the device keeps.
    pub wrapped_token: WrappedToken,
}

/// Begins a session of a subject, with one lock under a PIN.
pub fn issue<R: CryptoRng + ?Sized>(
    login: FullLogin,
    subject: &SubjectState,
    pin: &StretchedPin,
    context: &Context<'_>,
    rng: &mut R,
) -> Issued {
    let (id, index, kind) = (SessionId::random(rng), 0, LockKind::ServerPin);
    let place = Place { subject: &login.subject, session_id: id, lock_index: index, lock_kind: kind };
    let (wrap, wrapped_token) = mint(&place, pin, context.keys, rng);
    let state = SessionState {
        id,
        subject: login.subject,
        label: login.label,
        epoch: subject.epoch.clone(),
        created_at: context.now,
        last_used_at: context.now,
        last_seen: context.seen.kept(context.remembered),
        wrong_pins: 0,
        reported_wrong_pins: 0,
        locks: vec![Lock::new(index, kind, wrap, context.now, UnixTime::default())],
    };
    Issued { state, wrapped_token }
}

/// Where a wrap belongs.
pub(crate) struct Place<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) session_id: SessionId,
    pub(crate) lock_index: u8,
    pub(crate) lock_kind: LockKind,
}

/// Draws a token, wraps it, and forgets it: what remains is its digest for the server and the wrap for the device.
pub(crate) fn mint<R: CryptoRng + ?Sized>(
    place: &Place<'_>,
    pin: &StretchedPin,
    keys: &Keys,
    rng: &mut R,
) -> (Wrap, WrappedToken) {
    let pepper = keys.active();
    let token = SessionToken::random(rng);
    let handle = Handle {
        pepper_id: pepper.id(),
        lock_index: place.lock_index,
        lock_kind: place.lock_kind,
        session_id: place.session_id,
        wrap_id: WrapId::random(rng),
    };
    let kind = place.lock_kind.as_u8();
    let digest = pepper.digest(place.subject, place.session_id, kind, &handle.wrap_id, token.expose_secret());
    let wrapped_token = wrap_token(token, &handle, pin, pepper, rng);
    (Wrap { id: handle.wrap_id, digest: Some(digest), attempts: Attempts::default() }, wrapped_token)
}
