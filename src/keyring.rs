//! Peppers and the keys derived from them, one key for each purpose.

use zeroize::Zeroizing;

use crate::crypto::{MacKey, NotAuthentic, SealKey, derive_key, is_weak_secret};
use crate::id::{OtpChallengeId, OtpPurpose, Recipient, RequestKeyId, SessionId, Subject, Tenant};
use crate::record::{OwnerKey, RecordKey, RecordKind};
use crate::stretch::Stretched;
use crate::token::{SessionToken, TokenDigest, WrapId};

/// The name of a pepper: stands in every wrapped token and every record. A newer pepper has a higher id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PepperId(pub u32);

/// A server secret of at least 32 bytes that is kept outside the database.
pub struct Pepper {
    id: PepperId,
    secret: Zeroizing<Vec<u8>>,
}

/// Secrets that cannot serve. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// The pepper has fewer than 32 random bytes.
    #[error("pepper {} needs at least 32 random bytes (decode hexadecimal text or base64 first)", id.0)]
    WeakPepper {
        /// The id in question.
        id: PepperId,
    },
    /// The index secret has fewer than 32 random bytes.
    #[error("the index secret needs at least 32 random bytes (decode hexadecimal text or base64 first)")]
    WeakIndexSecret,
    /// Two peppers have the same id.
    #[error("pepper id {} is used twice", id.0)]
    DuplicateId {
        /// The id in question.
        id: PepperId,
    },
    /// The active pepper's id is below the lowest accepted one.
    #[error("the active pepper is below the lowest accepted id")]
    ActiveBelowMinimum,
}

impl Pepper {
    /// Takes a secret: the bytes that `openssl rand -base64 32` prints in base64, decoded, for instance.
    ///
    /// # Errors
    /// [`KeyRingError::WeakPepper`] below 32 bytes, when all bytes are alike, or for text that was
    /// not decoded: 32 to 63 hexadecimal digits, 43 or 44 characters of base64.
    pub fn new(id: PepperId, secret: impl Into<Vec<u8>>) -> Result<Self, KeyRingError> {
        let secret = Zeroizing::new(secret.into());
        if is_weak_secret(&secret) { Err(KeyRingError::WeakPepper { id }) } else { Ok(Self { id, secret }) }
    }
}

impl core::fmt::Debug for Pepper {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Pepper({}, [redacted])", self.id.0)
    }
}

/// One active pepper, any number that only open, and the index key.
///
/// New wraps and records are made under the active pepper. The others open what was made under them; each session and
/// its subject move to the active pepper at the next unlock or login.
///
/// To rotate on several servers, first add the next pepper to all of them with [`KeyRing::with_open_only`]; only then
/// make it the active one and the former one open-only. (A server that meets a wrap of a pepper it does not have can
/// only refuse it as invalid, and devices then forget it.) The former pepper can go when the longest session has ended.
///
/// `min_id` is the lowest id still accepted. After a leak or a restored database, make a new pepper with a higher id
/// active and raise `min_id` to it: every older wrap then ends in a full login.
///
/// The index key names the records of subjects. It must never change, or every user is a stranger.
#[derive(Debug)]
pub struct KeyRing {
    active: Pepper,
    open_only: Vec<Pepper>,
    min_id: PepperId,
    index: IndexSecret,
}

struct IndexSecret(Zeroizing<Vec<u8>>);

impl core::fmt::Debug for IndexSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("IndexSecret([redacted])")
    }
}

impl KeyRing {
    /// A ring of one pepper, and the index secret of at least 32 bytes.
    ///
    /// # Errors
    /// [`KeyRingError::WeakIndexSecret`], as for a pepper.
    pub fn new(active: Pepper, index_secret: impl Into<Vec<u8>>) -> Result<Self, KeyRingError> {
        let index = IndexSecret(Zeroizing::new(index_secret.into()));
        if is_weak_secret(&index.0) {
            return Err(KeyRingError::WeakIndexSecret);
        }
        Ok(Self { active, open_only: Vec::new(), min_id: PepperId(0), index })
    }

    /// Adds a pepper that opens what was made under it: the one that was active before, or the one that will be next.
    ///
    /// # Errors
    /// [`KeyRingError::DuplicateId`] when the ring has that id.
    pub fn with_open_only(mut self, pepper: Pepper) -> Result<Self, KeyRingError> {
        let id = pepper.id;
        if id == self.active.id || self.open_only.iter().any(|known| known.id == id) {
            return Err(KeyRingError::DuplicateId { id });
        }
        self.open_only.push(pepper);
        Ok(self)
    }

    /// Refuses everything made under a pepper with a lower id.
    ///
    /// # Errors
    /// [`KeyRingError::ActiveBelowMinimum`] when that would refuse the active pepper.
    pub fn with_min_id(mut self, min_id: PepperId) -> Result<Self, KeyRingError> {
        if self.active.id < min_id {
            return Err(KeyRingError::ActiveBelowMinimum);
        }
        self.min_id = min_id;
        Ok(self)
    }

    /// The keys of one tenant. Other tenants' wraps and records are not authentic under them.
    #[must_use]
    pub fn keys(&self, tenant: &Tenant) -> Keys {
        let accepted = self.open_only.iter().filter(|pepper| pepper.id >= self.min_id);
        Keys {
            tenant: tenant.clone(),
            active: PepperKeys::derive(&self.active, tenant),
            open_only: accepted.map(|pepper| PepperKeys::derive(pepper, tenant)).collect(),
            index: MacKey::new(&derive_key(&self.index.0, "index", tenant.as_str())),
        }
    }
}

/// The derived keys of one tenant.
#[derive(Clone)]
pub struct Keys {
    tenant: Tenant,
    active: PepperKeys,
    open_only: Vec<PepperKeys>,
    index: MacKey,
}

impl Keys {
    /// A key for the requests of a session, and its id: pepper id and salt. It is derived under the active pepper.
    pub(crate) fn new_request_key(&self, salt: [u8; 16], session_id: SessionId) -> (RequestKeyId, Zeroizing<[u8; 32]>) {
        let mut id = [0; RequestKeyId::LEN];
        id[..4].copy_from_slice(&self.active.id.0.to_be_bytes());
        id[4..].copy_from_slice(&salt);
        (RequestKeyId::from_bytes(id), self.active.request_key(&salt, session_id))
    }

    /// The key with this id, if its pepper is still accepted.
    pub(crate) fn request_key(&self, id: RequestKeyId, session_id: SessionId) -> Option<Zeroizing<[u8; 32]>> {
        let (pepper, salt) = id.as_bytes().split_first_chunk::<4>()?;
        let pepper = self.find(PepperId(u32::from_be_bytes(*pepper)))?;
        Some(pepper.request_key(salt, session_id))
    }

    /// Whose keys these are.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub(crate) const fn active(&self) -> &PepperKeys {
        &self.active
    }

    /// The keys of a pepper that is still accepted.
    pub(crate) fn find(&self, id: PepperId) -> Option<&PepperKeys> {
        core::iter::once(&self.active).chain(&self.open_only).find(|keys| keys.id == id)
    }

    /// Where the record of a subject lies.
    #[must_use]
    pub fn subject_record(&self, subject: &Subject) -> RecordKey {
        RecordKey { kind: RecordKind::Subject, id: self.index_of(RecordKind::Subject, subject.as_str()) }
    }

    /// Under which owner a subject's sessions are listed.
    #[must_use]
    pub fn owner(&self, subject: &Subject) -> OwnerKey {
        OwnerKey(self.subject_record(subject).id)
    }

    /// Where the record of a recipient of one-time codes lies.
    #[must_use]
    pub fn recipient_record(&self, recipient: &Recipient) -> RecordKey {
        RecordKey { kind: RecordKind::OtpRecipient, id: self.index_of(RecordKind::OtpRecipient, recipient.as_str()) }
    }

    /// `MAC(K_index, kind, name)[..16]`; the tenant is in the key.
    fn index_of(&self, kind: RecordKind, name: &str) -> [u8; 16] {
        let mac = self.index.mac(&[&[kind.as_u8()], name.as_bytes()]);
        *mac.first_chunk().expect("a MAC has 32 bytes")
    }
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Keys").field("active", &self.active.id.0).finish_non_exhaustive()
    }
}

/// The keys of one pepper and tenant. Each has one use, and the use is a method.
#[derive(Clone)]
pub(crate) struct PepperKeys {
    id: PepperId,
    seal: SealKey,
    handle: MacKey,
    mask: MacKey,
    digest: MacKey,
    record: MacKey,
    request: MacKey,
    otp: MacKey,
}

impl PepperKeys {
    fn derive(pepper: &Pepper, tenant: &Tenant) -> Self {
        let key = |label| derive_key(&pepper.secret, label, tenant.as_str());
        Self {
            id: pepper.id,
            seal: SealKey::new(&key("seal")),
            handle: MacKey::new(&key("handle")),
            mask: MacKey::new(&key("mask")),
            digest: MacKey::new(&key("digest")),
            record: MacKey::new(&key("record")),
            request: MacKey::new(&key("request")),
            otp: MacKey::new(&key("otp")),
        }
    }

    pub(crate) const fn id(&self) -> PepperId {
        self.id
    }

    /// The outer layer of a wrapped token: encrypts in place, returns the tag.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; SealKey::NONCE_LEN],
        aad: &[u8],
        inner: &mut [u8],
    ) -> [u8; SealKey::TAG_LEN] {
        self.seal.seal(nonce, aad, inner)
    }

    /// Opens the outer layer in place.
    pub(crate) fn open(
        &self,
        nonce: &[u8; SealKey::NONCE_LEN],
        aad: &[u8],
        inner: &mut [u8],
        tag: &[u8; SealKey::TAG_LEN],
    ) -> Result<(), NotAuthentic> {
        self.seal.open(nonce, aad, inner, tag)
    }

    /// Shows that a handle was made here.
    pub(crate) fn handle_tag(&self, handle: &[u8]) -> [u8; 16] {
        *self.handle.mac(&[handle]).first_chunk().expect("a MAC has 32 bytes")
    }

    /// What is xored over a token: depends on the pepper, the one wrap, and the PIN.
    pub(crate) fn mask(&self, handle: &[u8], stretched: &Stretched) -> Zeroizing<[u8; 32]> {
        self.mask.mac(&[handle, stretched.expose_secret()])
    }

    /// What the database keeps of the secret of a challenge's holder.
    pub(crate) fn otp_holder(&self, id: OtpChallengeId, holder: &[u8; 16]) -> [u8; 16] {
        *self.otp.mac(&[b"holder", id.as_bytes(), holder]).first_chunk().expect("a MAC has 32 bytes")
    }

    /// 64 bits for the code of a challenge.
    pub(crate) fn otp_code(
        &self,
        purpose: &OtpPurpose,
        recipient: &Recipient,
        id: OtpChallengeId,
        holder: &[u8; 16],
        generation: u8,
    ) -> u64 {
        let (purpose, recipient) = (purpose.as_str().as_bytes(), recipient.as_str().as_bytes());
        let mac = self.otp.mac(&[b"code", purpose, recipient, id.as_bytes(), holder, &[generation]]);
        u64::from_be_bytes(*mac.first_chunk().expect("a MAC has 32 bytes"))
    }

    /// What a client signs its requests with.
    fn request_key(&self, salt: &[u8], session_id: SessionId) -> Zeroizing<[u8; 32]> {
        self.request.mac(&[salt, session_id.as_bytes()])
    }

    /// What the database keeps of a token.
    pub(crate) fn digest(
        &self,
        subject: &Subject,
        session_id: SessionId,
        lock_kind: u8,
        wrap_id: &WrapId,
        token: &[u8; SessionToken::LEN],
    ) -> TokenDigest {
        TokenDigest::from_bytes(*self.digest.mac(&[
            subject.as_str().as_bytes(),
            session_id.as_bytes(),
            &[lock_kind],
            wrap_id.expose_secret(),
            token,
        ]))
    }

    /// Binds a record's body to its place.
    pub(crate) fn record_mac(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        self.record.mac(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(id: u32) -> Pepper {
        let secret: Vec<u8> = (0..32).map(|at: u8| at ^ u8::try_from(id).unwrap()).collect();
        Pepper::new(PepperId(id), secret).unwrap()
    }

    fn ring(active: u32) -> KeyRing {
        KeyRing::new(pepper(active), *b"index key, 32 bytes and not more").unwrap()
    }

    #[test]
    fn a_one_time_code_is_of_everything_that_it_is_for() {
        let keys = ring(1).keys(&Tenant::default());
        let otp = keys.active();
        let (login, change) = (OtpPurpose::login(), OtpPurpose::new("change").unwrap());
        let (alice, bob) = (Recipient::new("+4477").unwrap(), Recipient::new("+4478").unwrap());
        let id = |byte| OtpChallengeId::from_bytes([byte; 16]);
        let codes = [
            otp.otp_code(&login, &alice, id(1), &[2; 16], 0),
            otp.otp_code(&change, &alice, id(1), &[2; 16], 0),
            otp.otp_code(&login, &bob, id(1), &[2; 16], 0),
            otp.otp_code(&login, &alice, id(3), &[2; 16], 0),
            otp.otp_code(&login, &alice, id(1), &[3; 16], 0),
            otp.otp_code(&login, &alice, id(1), &[2; 16], 1),
        ];
        assert_eq!(codes.iter().collect::<std::collections::HashSet<_>>().len(), codes.len());
        let holder = otp.otp_holder(id(1), &[2; 16]);
        assert_ne!(holder, otp.otp_holder(id(3), &[2; 16]));
        assert_ne!(holder, otp.otp_holder(id(1), &[3; 16]));
        for label in [&b""[..], b"code"] {
            assert_ne!(&holder, otp.otp.mac(&[label, &[1; 16], &[2; 16]]).first_chunk().unwrap());
        }
        assert_ne!(&holder, otp.record_mac(&[b"holder", &[1; 16], &[2; 16]]).first_chunk().unwrap());
        assert_ne!(keys.recipient_record(&alice).id, keys.subject_record(&Subject::new("+4477").unwrap()).id);
    }

    #[test]
    fn a_handle_is_tagged_under_a_key_of_its_own() {
        let keys = ring(1).keys(&Tenant::default());
        let pepper = keys.active();
        let tag = pepper.handle_tag(b"handle");
        for other in [&pepper.mask, &pepper.digest, &pepper.record, &pepper.request, &pepper.otp] {
            assert_ne!(Some(&tag), other.mac(&[b"handle"]).first_chunk());
        }
        assert_ne!(tag, ring(2).keys(&Tenant::default()).active().handle_tag(b"handle"));
        assert_ne!(tag, ring(1).keys(&Tenant::new("acme").unwrap()).active().handle_tag(b"handle"));
    }

    #[test]
    fn weak_secrets_are_refused() {
        for weak in [&b"short"[..], &[0; 32], &[0xFF; 64]] {
            assert_eq!(Pepper::new(PepperId(1), weak).unwrap_err(), KeyRingError::WeakPepper { id: PepperId(1) });
        }
        assert_eq!(KeyRing::new(pepper(1), [0; 32]).unwrap_err(), KeyRingError::WeakIndexSecret);
    }

    #[test]
    fn a_ring_that_contradicts_itself_is_refused() {
        assert_eq!(ring(2).with_open_only(pepper(2)).unwrap_err(), KeyRingError::DuplicateId { id: PepperId(2) });
        let two = ring(2).with_open_only(pepper(1)).unwrap();
        assert_eq!(two.with_open_only(pepper(1)).unwrap_err(), KeyRingError::DuplicateId { id: PepperId(1) });
        assert_eq!(ring(2).with_min_id(PepperId(3)).unwrap_err(), KeyRingError::ActiveBelowMinimum);
        assert!(ring(2).with_min_id(PepperId(2)).is_ok());
    }

    #[test]
    fn min_id_takes_older_peppers_out() {
        let ring = ring(3).with_open_only(pepper(1)).unwrap().with_open_only(pepper(2)).unwrap();
        let keys = ring.with_min_id(PepperId(2)).unwrap().keys(&Tenant::default());
        assert!(keys.find(PepperId(3)).is_some());
        assert!(keys.find(PepperId(2)).is_some());
        assert!(keys.find(PepperId(1)).is_none());
    }

    #[test]
    fn index_is_apart_by_tenant_and_survives_rotation() {
        let alice = Subject::new("alice").unwrap();
        let key = |active, tenant: &str| ring(active).keys(&Tenant::new(tenant).unwrap()).subject_record(&alice);
        assert_eq!(key(1, "acme"), key(2, "acme"));
        assert_ne!(key(1, "acme"), key(1, "apex"));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let shown = format!("{:?} {:?}", ring(1), ring(1).keys(&Tenant::default()));
        assert!(!shown.contains("index key"), "{shown}");
        assert!(!shown.contains("0, 1, 2"), "{shown}");
    }
}
