//! A request signed by a second implementation, everything in it open to change.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use pinlatch::access_token::{AccessTokenKey, AccessTokenVerifier};
use pinlatch::id::RequestKeyId;
use pinlatch::keyring::{KeyRing, Keys, Pepper, PepperId};
use pinlatch::proof::{Accepted, Body, Candidate, Fresh, Proof, ProofError, RequestKey, RequestParts};
use pinlatch::record::{Inserted, RecordKind};
use pinlatch::{SessionId, Tenant, UnixTime};
use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const SESSION: SessionId = SessionId::from_bytes([7; 16]);
pub(crate) const SECRET: &[u8; 32] = b"a signing secret of 32 bytes all";
pub(crate) const COVERED: &str =
    r#""@method" "@authority" "@path" "@query" "authorization" "content-digest" "content-type""#;

/// Bytes that are all alike.
pub(crate) struct Fixed(pub(crate) u8);

impl TryRng for Fixed {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

pub(crate) fn keys(pepper: u32) -> Keys {
    keys_of(pepper, "")
}

pub(crate) fn keys_of(pepper: u32, tenant: &str) -> Keys {
    let secret: Vec<u8> = (0..32).collect();
    let pepper = Pepper::new(PepperId(pepper), secret.clone()).unwrap();
    KeyRing::new(pepper, secret).unwrap().keys(&Tenant::new(tenant).unwrap())
}

pub(crate) fn access_token(cnf: Option<RequestKeyId>, session: SessionId) -> String {
    access_token_until(cnf, session, NOW + 600)
}

pub(crate) fn access_token_until(cnf: Option<RequestKeyId>, session: SessionId, exp: u64) -> String {
    let cnf = cnf.map(|id| format!(r#","cnf":{{"kid":"{id}"}}"#)).unwrap_or_default();
    let claims = format!(
        r#"{{"iss":"i","aud":"a","client_id":"c","sub":"alice","exp":{exp},"iat":{NOW},"auth_time":{NOW},"jti":"AAAAAAAAAAAAAAAAAAAAAA","sid":"{session}","amr":["pin"]{cnf}}}"#
    );
    let header = Base64UrlUnpadded::encode_string(br#"{"typ":"at+jwt","alg":"HS256","kid":"k"}"#);
    let signed = format!("{header}.{}", Base64UrlUnpadded::encode_string(claims.as_bytes()));
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap().chain_update(&signed).finalize();
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&mac.into_bytes()))
}

pub(crate) fn verifier() -> AccessTokenVerifier {
    let key = AccessTokenKey::hs256("k", SECRET).unwrap().verifying_key();
    AccessTokenVerifier::new([key], "i", "a", "c").unwrap()
}

/// A request, and what is signed of it. Everything is text that a test may change.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    pub(crate) covered: String,
    pub(crate) parameters: String,
    pub(crate) key: [u8; 32],
    pub(crate) also_signed: &'static [&'static str],
}

impl Request {
    pub(crate) fn new() -> Self {
        let (id, key) = RequestKey::issue(&keys(1), SESSION, &mut Fixed(9));
        let body = r#"{"to":"bob","amount":5}"#;
        let digest = format!("sha-256=:{}:", Base64::encode_string(&Sha256::digest(body)));
        let header = |name: &str, value: String| (name.to_owned(), value);
        Self {
            method: "POST".into(),
            authority: "api.example".into(),
            path: "/api/transfer".into(),
            query: Some("dry=1".into()),
            headers: vec![
                header("authorization", format!("Bearer {}", access_token(Some(id), SESSION))),
                header("content-digest", digest),
                header("content-type", "application/json".into()),
                header("x-other", "not signed".into()),
            ],
            body: Some(body.into()),
            covered: COVERED.into(),
            parameters: format!(
                r#";created={NOW};nonce="qeCQ0Ycn5Gk1r8uJ0kqk1A";keyid="{SESSION}";tag="pinlatch-request/1""#
            ),
            key: *key.expose_secret(),
            also_signed: &[],
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn covering(self, covered: &str) -> Self {
        Self { covered: covered.into(), ..self }
    }

    pub(crate) fn parameter(self, from: &str, to: &str) -> Self {
        assert!(self.parameters.contains(from), "{from}");
        let parameters = self.parameters.replace(from, to);
        Self { parameters, ..self }
    }

    pub(crate) fn header_mut(&mut self, name: &str) -> &mut String {
        &mut self.headers.iter_mut().find(|(known, _)| known == name).unwrap().1
    }

    pub(crate) fn value(&self, component: &str) -> String {
        let query = self.query.clone().unwrap_or_default();
        match component {
            "@method" => self.method.clone(),
            "@authority" => self.authority.clone(),
            "@path" => self.path.clone(),
            "@query" => format!("?{query}"),
            "@target-uri" => format!("https://{}{}?{query}", self.authority, self.path),
            name => {
                self.headers.iter().find(|(known, _)| known == name).map_or(String::new(), |(_, value)| value.clone())
            }
        }
    }

    /// Signed as it is now: the two headers.
    pub(crate) fn signed(mut self) -> Self {
        let input = format!("({}){}", self.covered, self.parameters);
        let names = self.covered.split(' ').map(|name| name.trim_matches('"')).filter(|name| !name.is_empty());
        let mut base: String = names.map(|name| format!("\"{name}\": {}\n", self.value(name))).collect();
        base += &format!("\"@signature-params\": {input}");
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap().chain_update(&base).finalize().into_bytes();
        self.headers.push(("signature-input".into(), format!("sig1={input}")));
        self.headers.push(("signature".into(), format!("sig1=:{}:", Base64::encode_string(&mac))));
        self
    }

    /// As the server's framework has it.
    pub(crate) fn parts<T>(&self, then: impl FnOnce(&RequestParts<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        then(&RequestParts {
            method: &self.method,
            scheme: "https",
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
            also_signed: self.also_signed,
            body: if self.body.is_some() { Body::Present } else { Body::Absent },
        })
    }

    /// What the server says, with a store that is a variable: what it has, and what it learns.
    pub(crate) fn sent_at(&self, now: u64, marks: &mut Vec<[u8; 16]>) -> Result<Accepted, ProofError> {
        let now = UnixTime::from_secs(now);
        let proof = self.parts(|parts| Candidate::read(parts, now)?.verify(&verifier(), &keys(1), now))?;
        first_time(proof, now, marks)?.with_body(self.body.as_deref().unwrap_or_default().as_bytes())
    }

    pub(crate) fn sent(&self) -> Result<(), ProofError> {
        self.sent_at(NOW, &mut Vec::new()).map(drop)
    }
}

/// What a store would do.
pub(crate) fn first_time(proof: Proof, now: UnixTime, marks: &mut Vec<[u8; 16]>) -> Result<Fresh, ProofError> {
    let mark = proof.mark();
    assert!(mark.key.kind == RecordKind::ReplayMark && mark.expires_at > now && mark.body.is_empty());
    let known = marks.contains(&mark.key.id);
    marks.push(mark.key.id);
    proof.stored(if known { Inserted::Exists } else { Inserted::Created })
}
