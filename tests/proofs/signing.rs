//! What our client signs, our server accepts, and nothing else of it.

use pinlatch::proof::{Body, Candidate, MessageParts, ProofError, RequestKey, RequestParts, content_digest};
use pinlatch::{AccessTokenError, SessionId, UnixTime};

use crate::request::*;

fn key() -> RequestKey {
    RequestKey::issue(&keys(1), SESSION, &mut Fixed(9)).1
}

fn bound_token() -> String {
    access_token(Some(RequestKey::issue(&keys(1), SESSION, &mut Fixed(9)).0), SESSION)
}

fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

impl Request {
    /// Signed by ours instead of the second implementation.
    fn signed_by_us(mut self, key: &RequestKey) -> Self {
        let headers = self.parts(|parts| key.sign_request(SESSION, parts, now(), &mut Fixed(3))).unwrap();
        self.headers.push(("signature-input".into(), headers.signature_input));
        self.headers.push(("signature".into(), headers.signature));
        self
    }
}

#[test]
fn our_client_and_our_server_agree() {
    let mut request = Request::new().signed_by_us(&key());
    assert_eq!(request.sent(), Ok(()));
    let expected = format!(
        r#"sig1=("@method" "@authority" "@path" "@query" "authorization" "content-digest" "content-type");created={NOW};nonce="AwMDAwMDAwMDAwMDAwMDAw";keyid="{SESSION}";alg="hmac-sha256";tag="pinlatch-request/1""#
    );
    assert_eq!(*request.header_mut("signature-input"), expected);

    let get = Request::new().with(|request| {
        (request.body, request.query) = (None, None);
        request.headers.retain(|(name, _)| !name.starts_with("content-"));
    });
    assert_eq!(get.signed_by_us(&key()).sent(), Ok(()));
    let typed = Request::new().with(|request| request.body = None);
    assert_eq!(typed.signed_by_us(&key()).sent(), Ok(()), "with a content-type, and no body");
    let more = Request::new().with(|request| {
        request.headers.push(("idempotency-key".into(), "7".into()));
        request.also_signed = &["idempotency-key", "content-type", "x-missing"];
    });
    assert_eq!(more.signed_by_us(&key()).sent(), Ok(()));
}

#[test]
fn a_request_that_cannot_be_signed_says_why() {
    let refused = |change: fn(&mut Request)| {
        let request = Request::new().with(change);
        let signed = request.parts(|parts| key().sign_request(SESSION, parts, now(), &mut Fixed(3)));
        signed.unwrap_err().component().to_owned()
    };
    let without = |request: &mut Request, name: &str| request.headers.retain(|(known, _)| known != name);
    assert_eq!(refused(|request| request.headers.retain(|(name, _)| name != "authorization")), "authorization");
    assert_eq!(refused(|request| request.headers.retain(|(name, _)| name != "content-digest")), "content-digest");
    assert_eq!(refused(|request| request.headers.push(("content-type".into(), "x".into()))), "content-type");
    assert_eq!(refused(|request| request.path = "/a b".into()), "@path");
    for authority in ["", "API.example", "api.example:443", "api example"] {
        let request = Request::new().with(|request| request.authority = authority.into());
        let signed = request.parts(|parts| key().sign_request(SESSION, parts, now(), &mut Fixed(3)));
        assert_eq!(signed.unwrap_err().component(), "@authority", "{authority}");
    }
    assert_eq!(refused(|request| request.query = Some("a\nb".into())), "@query");
    let mut request = Request::new();
    without(&mut request, "content-type");
    assert_eq!(request.signed_by_us(&key()).sent(), Ok(()), "a body without a type is a body");
}

#[test]
fn the_key_travels_as_text() {
    let text = key().to_text();
    assert_eq!(text.len(), 43);
    let back: RequestKey = text.parse().unwrap();
    assert_eq!(back.expose_secret(), key().expose_secret());
    assert!(text[1..].parse::<RequestKey>().is_err() && format!("{}=", *text).parse::<RequestKey>().is_err());
}

/// By hand: HKDF (RFC 5869) of the pepper, and HMAC of salt and session behind their lengths.
#[test]
fn a_key_is_the_peppers_tenants_sessions_and_salts() {
    use hkdf::Hkdf;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    let by_hand = |tenant: &str, session: SessionId, salt: [u8; 16]| {
        let (pepper, mut request): (Vec<u8>, _) = ((0..32).collect(), [0; 32]);
        let info = format!("pinlatch/v1/request/{tenant}");
        Hkdf::<Sha256>::new(None, &pepper).expand(info.as_bytes(), &mut request).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&request).unwrap();
        for part in [&salt, session.as_bytes()] {
            mac.update(&16_u64.to_be_bytes());
            mac.update(part);
        }
        <[u8; 32]>::from(mac.finalize().into_bytes())
    };
    let other = SessionId::from_bytes([8; 16]);
    for (tenant, session, salt) in [("", SESSION, 9), ("", SESSION, 10), ("", other, 9), ("acme", SESSION, 9)] {
        let keys = keys_of(1, tenant);
        let (id, key) = RequestKey::issue(&keys, session, &mut Fixed(salt));
        assert_eq!(*key.expose_secret(), by_hand(tenant, session, [salt; 16]), "{tenant} {session} {salt}");
        assert_eq!(id.as_bytes()[..4], [0, 0, 0, 1], "the pepper");
        assert_eq!(id.as_bytes()[4..], [salt; 16]);
    }
}

type Named<'a> = &'a [(&'a str, &'a [u8])];

const CALL: Named<'_> = &[("version", b"1"), ("call", b"transfer"), ("payload", b"\x00\xFF{}")];
const SERVICE: &str = "wss://api.example";

/// A message, what it is taken for, and what comes of it.
fn taken(token: &str, signature: &str, parts: Named<'_>, at: u64) -> Result<[u8; 16], ProofError> {
    let parts = MessageParts { access_token: token, service: SERVICE, parts };
    let now = UnixTime::from_secs(at);
    let proof = Candidate::read_message(&parts, signature, now)?.verify(&verifier(), &keys(1), now)?;
    let mark = proof.mark().key.id;
    first_time(proof, now, &mut Vec::new())?.with_body(&[]).map(|_| mark)
}

fn sign(parts: Named<'_>, token: &str, salt: u8) -> String {
    key().sign_message(&MessageParts { access_token: token, service: SERVICE, parts }, now(), &mut Fixed(salt))
}

#[test]
fn a_message_is_its_parts() {
    let token = bound_token();
    let signature = sign(CALL, &token, 1);
    assert!(signature.starts_with("plm1_") && signature.len() == 80);
    let mark = taken(&token, &signature, CALL, NOW).unwrap();
    assert_ne!(taken(&token, &sign(CALL, &token, 2), CALL, NOW), Ok(mark), "another nonce is another message");

    let others: [Named<'_>; 9] = [
        &[],
        &CALL[..2],
        &[CALL[1], CALL[0], CALL[2]],
        &[CALL[0], CALL[1], CALL[2], ("", b"")],
        &[("", b""), CALL[0], CALL[1], CALL[2]],
        &[("version1", b""), CALL[1], CALL[2]],
        &[("version", b"1calltransfer"), CALL[2]],
        &[CALL[0], ("Call", b"transfer"), CALL[2]],
        &[CALL[0], CALL[1], ("payload", b"\x00\xFF{} ")],
    ];
    for other in others {
        assert_eq!(taken(&token, &signature, other, NOW), Err(ProofError::BadSignature), "{other:?}");
    }
    for service in ["wss://api.exampl", "wss://api.exampleversion", "ws://api.example", ""] {
        let parts = MessageParts { access_token: &token, service, parts: CALL };
        let verified = |signature: &str| {
            let candidate = Candidate::read_message(&parts, signature, now())?;
            candidate.verify(&verifier(), &keys(1), now()).map(drop)
        };
        assert!(verified(&signature).is_err(), "{service}");
        let for_it = key().sign_message(&parts, now(), &mut Fixed(1));
        assert_eq!(verified(&for_it).is_ok(), !service.is_empty(), "nothing is for nobody");
    }
    // Another token of the same key, as it comes of a renewal.
    let renewed = access_token_until(Some(RequestKey::issue(&keys(1), SESSION, &mut Fixed(9)).0), SESSION, NOW + 601);
    assert_ne!(renewed, token);
    assert_eq!(taken(&renewed, &signature, CALL, NOW), Err(ProofError::BadSignature), "the token is signed, too");
    for at in [NOW + 60, NOW - 5] {
        assert!(taken(&token, &signature, CALL, at).is_ok(), "{at}");
    }
    assert_eq!(taken(&token, &signature, CALL, NOW + 61), Err(ProofError::Stale));
    assert_eq!(taken(&token, &signature, CALL, NOW - 31), Err(ProofError::FromTheFuture));
}

#[test]
fn every_flipped_bit_of_a_message_is_refused() {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let token = bound_token();
    let signature = sign(CALL, &token, 1);
    let bytes = Base64UrlUnpadded::decode_vec(&signature[5..]).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let text = format!("plm1_{}", Base64UrlUnpadded::encode_string(&flipped));
        assert!(taken(&token, &text, CALL, NOW).is_err(), "{bit}");
    }
    for wrong in
        ["", "plm1_", &signature[5..], &signature[..79], &format!("{signature}A"), &signature.replace("plm1", "plm2")]
    {
        assert_eq!(taken(&token, wrong, CALL, NOW), Err(ProofError::Malformed), "{wrong}");
    }
    let bearer = access_token(None, SESSION);
    let not_bound = ProofError::AccessToken(AccessTokenError::NotBound);
    assert_eq!(taken(&bearer, &sign(CALL, &bearer, 1), CALL, NOW), Err(not_bound));
    let other = access_token(Some(RequestKey::issue(&keys(1), SESSION, &mut Fixed(10)).0), SESSION);
    assert_eq!(taken(&other, &sign(CALL, &other, 1), CALL, NOW), Err(ProofError::BadSignature));
}

/// A message cannot be passed off as a request, nor the other way round.
#[test]
fn a_message_is_no_request() {
    let request = Request::new().signed_by_us(&key());
    let mut copy = request.clone();
    let input = copy.header_mut("signature-input").clone();
    let mac = copy.header_mut("signature")[6..50].to_owned();
    let base = "\"@method\": POST\n";
    let parts: Named<'_> = &[("", base.as_bytes()), ("", input.as_bytes())];
    assert!(taken(&bound_token(), &format!("plm1_{mac}"), parts, NOW).is_err());
    // Both begin differently under the one key: a base with a quotation mark, a message with the length of its tag.
    assert_eq!(request.sent(), Ok(()));
}

#[test]
fn digests_are_of_the_bytes_as_they_are() {
    assert_eq!(content_digest(b""), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    let parts = RequestParts {
        method: "POST",
        scheme: "https",
        authority: "a.example",
        path: "",
        query: None,
        headers: &[("authorization", b"Bearer x"), ("content-digest", b"  sha-256=:AAAA:\t")],
        also_signed: &[],
        body: Body::Present,
    };
    // The signer takes the digest as it is given; whether it is the body's is the verifier's to see.
    assert!(key().sign_request(SESSION, &parts, now(), &mut Fixed(1)).is_ok());
}
