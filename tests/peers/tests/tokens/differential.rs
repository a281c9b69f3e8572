//! What `jsonwebtoken`, told to be strict, refuses, we do not accept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use pinlatch::{ClockPolicy, SystemClock};
use pinlatch_peers::Dice;
use serde::Deserialize;

use crate::service::*;

#[derive(Deserialize)]
#[expect(dead_code, reason = "their being there is what matters")]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    client_id: String,
    exp: u64,
    iat: u64,
    auth_time: u64,
    jti: String,
    sid: String,
    amr: Vec<String>,
}

struct Reference {
    key: DecodingKey,
    validation: Validation,
}

impl Reference {
    fn of(alg: &str) -> Self {
        let (key, algorithm) = match alg {
            "HS256" => (DecodingKey::from_secret(SECRET), Algorithm::HS256),
            _ => (DecodingKey::from_ed_der(signing_key(alg).verifying_key().public_key().unwrap()), Algorithm::EdDSA),
        };
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        Self { key, validation }
    }

    fn accepts(&self, token: &str) -> bool {
        jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation).is_ok()
    }
}

/// Texts that have meant trouble somewhere.
const FRAGMENTS: [&str; 24] = [
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    ",",
    ":",
    "{",
    "}",
    "[]",
    "null",
    "true",
    "-1",
    "0",
    "1e9",
    " ",
    "\n",
    "\u{feff}",
    "\"alg\":\"none\"",
    "\"exp\":9999999999",
    "\"iss\":\"x\"",
    "\"nbf\":9999999999",
    "\"aud\":[]",
    "\"crit\":[\"b64\"]",
    "é",
];

fn mutated(dice: &mut Dice, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..dice.below(3) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(4) {
            0 => drop(bytes.drain(at..(at + dice.below(12)).min(bytes.len()))),
            1 => drop(bytes.splice(at..at, dice.one_of(&FRAGMENTS).bytes())),
            2 if at < bytes.len() => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
            _ => {
                let from = dice.below(bytes.len() + 1);
                let copy = bytes[from..(from + dice.below(40)).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, copy));
            }
        }
    }
    bytes
}

/// Signed anew, so that the claims are looked at; or altered behind the signature.
fn token(dice: &mut Dice, alg: &str, header: &str, claims: &str) -> String {
    let header = if dice.below(4) == 0 { mutated(dice, header) } else { header.as_bytes().to_vec() };
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(mutated(dice, claims)));
    let mut token = format!("{signed}.{}", sign(alg, &signed));
    if dice.below(4) == 0 {
        token = String::from_utf8_lossy(&mutated(dice, &token)).into_owned();
    }
    token
}

fn sign(alg: &str, signed: &str) -> String {
    use ed25519_dalek::Signer;
    use hmac::{Hmac, KeyInit, Mac};
    match alg {
        "HS256" => {
            let mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET).unwrap().chain_update(signed);
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        }
        _ => URL_SAFE_NO_PAD.encode(ed25519_dalek::SigningKey::from_bytes(SECRET).sign(signed.as_bytes()).to_bytes()),
    }
}

fn compare(alg: &str, rounds: usize) {
    let (service, reference) = (access_tokens(alg), Reference::of(alg));
    let (mut accepted, mut theirs) = (0, 0);
    for seed in 0..rounds {
        let mut dice = Dice(seed as u64);
        // The reference reads the clock, so the times are of today.
        let now = SystemClock.now().as_secs();
        let (exp, iat) = (now + [600, 60, 3600, 0][dice.below(4)], now - [0, 5, 60][dice.below(3)]);
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","client_id":"{CLIENT}","sub":"alice","exp":{exp},"iat":{iat},"auth_time":{iat},"jti":"AAAAAAAAAAAAAAAAAAAAAA","sid":"BBBBBBBBBBBBBBBBBBBBBA","amr":["pin"]{}}}"#,
            dice.one_of(&["", r#","scope":"read""#, r#","x":{"y":[1,2]}"#])
        );
        let header = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"k1"}}"#);
        let token = token(&mut dice, alg, &header, &claims);
        let ours = service.verifier().verify(&token, SystemClock.now()).is_ok();
        let reference = reference.accepts(&token);
        assert!(reference || !ours, "{seed}: {token}");
        accepted += usize::from(ours);
        theirs += usize::from(reference);
    }
    // Both have seen good and bad ones, and ours is the stricter.
    assert!(accepted > rounds / 20 && accepted < theirs && theirs < rounds, "{accepted} {theirs} of {rounds}");
}

#[test]
fn nothing_is_accepted_that_a_strict_library_refuses() {
    // With `THOROUGH=1` a hundred million.
    let often = if std::env::var_os("THOROUGH").is_some() { 250 } else { 1 };
    compare("HS256", often * 400_000);
    compare("EdDSA", often * 20_000);
}
