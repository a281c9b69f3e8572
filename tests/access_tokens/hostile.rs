//! Tokens that must be refused, each by its name and with its error.

use std::collections::HashSet;

use pinlatch::AccessTokenError::{self, *};

use crate::signer::*;

struct Hostile {
    name: &'static str,
    token: String,
    expected: AccessTokenError,
}

fn refused(expected: AccessTokenError, tokens: impl IntoIterator<Item = (&'static str, String)>) -> Vec<Hostile> {
    tokens.into_iter().map(|(name, token)| Hostile { name, token, expected }).collect()
}

/// Without a signature, or with one that is not looked at.
fn unsigned() -> Vec<Hostile> {
    let of = |header: &str| format!("{}.{}.", base64url(header), base64url(GOOD));
    let good = hs256(HS256, GOOD);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let swapped = |replacement: &str| format!("{signed}.{replacement}");
    let mut flipped = signature.to_owned();
    flipped.replace_range(0..1, if signature.starts_with('A') { "B" } else { "A" });
    // The last character holds two bits that say nothing: a decoder may take another one for it.
    let last = signature.chars().last().unwrap();
    let twin = char::from(u8::try_from(last).unwrap() ^ 1);
    let mut hostile = refused(
        UnknownHeader,
        [
            ("alg none", of(r#"{"typ":"at+jwt","alg":"none","kid":"k1"}"#)),
            ("alg None", of(r#"{"typ":"at+jwt","alg":"None","kid":"k1"}"#)),
            ("alg NONE", of(r#"{"typ":"at+jwt","alg":"NONE","kid":"k1"}"#)),
            ("alg nOnE", of(r#"{"typ":"at+jwt","alg":"nOnE","kid":"k1"}"#)),
            ("alg none without kid", of(r#"{"alg":"none"}"#)),
            ("alg empty", of(r#"{"typ":"at+jwt","alg":"","kid":"k1"}"#)),
            ("alg null", of(r#"{"typ":"at+jwt","alg":null,"kid":"k1"}"#)),
            ("alg missing", hs256(r#"{"typ":"at+jwt","kid":"k1"}"#, GOOD)),
        ],
    );
    hostile.extend(refused(
        BadSignature,
        [
            ("signature empty", swapped("")),
            ("signature cut", swapped(&signature[..42])),
            ("signature padded", swapped(&format!("{signature}="))),
            ("signature lengthened", swapped(&format!("{signature}A"))),
            ("signature of zeros", swapped(&"A".repeat(43))),
            ("signature flipped", swapped(&flipped)),
            ("signature in a second spelling", swapped(&signature.replace(last, &twin.to_string()))),
            ("signature in hexadecimal", swapped(&"0".repeat(64))),
            ("signature under another secret", with_mac(signed, b"another secret of 32 bytes here.")),
            ("signature under an empty secret", with_mac(signed, b"")),
            ("signature of another payload", swapped(hs256(HS256, "{}").rsplit_once('.').unwrap().1)),
        ],
    ));
    hostile
}

/// Another algorithm or key than the header may name.
fn confused() -> Vec<Hostile> {
    let public = ed25519_dalek::SigningKey::from_bytes(SECRET).verifying_key().to_bytes();
    let under_public = |header| with_mac(&format!("{}.{}", base64url(header), base64url(GOOD)), &public);
    let der = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], &public[..]].concat();
    let mut hostile = refused(
        UnknownHeader,
        [
            ("HS256 with the kid of the Ed25519 key", hs256(r#"{"typ":"at+jwt","alg":"HS256","kid":"k2"}"#, GOOD)),
            ("EdDSA with the kid of the HS256 key", eddsa(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"k1"}"#, GOOD)),
            ("HS256 under the public key", under_public(r#"{"typ":"at+jwt","alg":"HS256","kid":"k2"}"#)),
            ("HS512 named", hs256(r#"{"typ":"at+jwt","alg":"HS512","kid":"k1"}"#, GOOD)),
            ("RS256 named", hs256(r#"{"typ":"at+jwt","alg":"RS256","kid":"k1"}"#, GOOD)),
            ("ES256 named", eddsa(r#"{"typ":"at+jwt","alg":"ES256","kid":"k2"}"#, GOOD)),
            ("Ed25519 named", eddsa(r#"{"typ":"at+jwt","alg":"Ed25519","kid":"k2"}"#, GOOD)),
            ("alg in small letters", hs256(r#"{"typ":"at+jwt","alg":"hs256","kid":"k1"}"#, GOOD)),
            ("alg in an array", hs256(r#"{"typ":"at+jwt","alg":["HS256"],"kid":"k1"}"#, GOOD)),
            ("a JWE", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA".to_owned()),
        ],
    );
    hostile.extend(refused(
        BadSignature,
        [
            ("header of EdDSA, MAC under the public key", under_public(EDDSA)),
            ("header of EdDSA, MAC under the public key as DER", {
                with_mac(&format!("{}.{}", base64url(EDDSA), base64url(GOOD)), &der)
            }),
            ("header of EdDSA, MAC under the secret", hs256(EDDSA, GOOD)),
            ("header of HS256, signature of Ed25519", eddsa(HS256, GOOD)),
            ("ECDSA of zeros", format!("{}.{}.{}", base64url(EDDSA), base64url(GOOD), base64url([0; 64]))),
        ],
    ));
    hostile
}

/// Headers that tell the verifier what to do.
fn injected() -> Vec<Hostile> {
    let with = |member: &str| hs256(HS256.replace('}', &format!(",{member}}}")), GOOD);
    let kid = |kid: &str| hs256(format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":{kid}}}"#), GOOD);
    let typ = |typ: &str| hs256(HS256.replace(r#""at+jwt""#, typ), GOOD);
    refused(
        UnknownHeader,
        [
            ("kid unknown", kid(r#""k3""#)),
            ("kid missing", hs256(r#"{"alg":"HS256","typ":"at+jwt"}"#, GOOD)),
            ("kid empty", kid(r#""""#)),
            ("kid a path", kid(r#""../../../../dev/null""#)),
            ("kid a query", kid(r#""k1' UNION SELECT 'x""#)),
            ("kid a command", kid(r#""k1|id""#)),
            ("kid with NUL", kid(r#""k1\u0000""#)),
            ("kid a number", kid("1")),
            ("kid there twice", with(r#""kid":"k1""#)),
            ("jku", with(r#""jku":"https://evil.example/jwks.json""#)),
            ("jwk", with(r#""jwk":{"kty":"oct","k":"AAAA"}"#)),
            ("x5u", with(r#""x5u":"https://evil.example/cert.pem""#)),
            ("x5c", with(r#""x5c":["MIIB"]"#)),
            ("crit of an unknown name", with(r#""crit":["http://example.invalid/x"],"http://example.invalid/x":true"#)),
            ("crit empty", with(r#""crit":[]"#)),
            ("b64 false", with(r#""b64":false,"crit":["b64"]"#)),
            ("zip", with(r#""zip":"DEF""#)),
            ("nonce in the header", with(r#""nonce":"x""#)),
            ("typ JWT", typ(r#""JWT""#)),
            ("typ in capitals", typ(r#""AT+JWT""#)),
            ("typ as a media type", typ(r#""application/at+jwt""#)),
            ("typ of an ID token", typ(r#""id+jwt""#)),
            ("typ of a DPoP proof", typ(r#""dpop+jwt""#)),
            ("typ missing", hs256(r#"{"alg":"HS256","kid":"k1"}"#, GOOD)),
            ("header in another order", hs256(r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#, GOOD)),
            ("header with a space", hs256(r#"{"typ":"at+jwt","alg": "HS256","kid":"k1"}"#, GOOD)),
            ("header with an escape", hs256(r#"{"typ":"at+jwt","\u0061lg":"HS256","kid":"k1"}"#, GOOD)),
            ("header with a byte order mark", hs256(format!("\u{feff}{HS256}"), GOOD)),
        ],
    )
}

/// Not the compact serialization.
fn misshapen() -> Vec<Hostile> {
    let good = hs256(HS256, GOOD);
    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let resigned = |payload: &str| with_mac(&format!("{header}.{payload}"), SECRET);
    // Spaces behind the JSON, so that its last character has bits that say nothing.
    let mut second_spelling = base64url(format!("{GOOD:0$}", GOOD.len().div_ceil(3) * 3 + 1));
    assert_eq!(second_spelling.pop(), Some('A'));
    second_spelling.push('B');
    let mut hostile = refused(
        UnknownHeader,
        [
            ("nothing", String::new()),
            ("dots", "..".to_owned()),
            ("header alone", header.to_owned()),
            ("header and a dot", format!("{header}.")),
            ("two parts", format!("{header}.{payload}")[..header.len() + 1].to_owned() + "x"),
            ("a space in front", format!(" {good}")),
            ("a line break in front", format!("\n{good}")),
            ("NUL in front", format!("\0{good}")),
            ("Bearer in front", format!("Bearer {good}")),
            ("header padded", format!("{header}=.{payload}.{signature}")),
            ("JSON serialization", format!(r#"{{"payload":"{payload}","signature":"{signature}"}}"#)),
            ("not ASCII", "é.é.é".to_owned()),
        ],
    );
    hostile.extend(refused(
        BadSignature,
        [
            ("a space behind", format!("{good} ")),
            ("a line break behind", format!("{good}\n")),
            ("NUL behind", format!("{good}\0")),
            ("four parts", format!("{good}.AAAA")),
            ("five parts", format!("{good}.AAAA.AAAA")),
            ("payload cut", format!("{header}.{}.{signature}", &payload[1..])),
            ("payload empty", format!("{header}..{signature}")),
        ],
    ));
    hostile.extend(refused(
        BadClaims,
        [
            ("payload padded", resigned(&format!("{payload}="))),
            ("payload with plus and slash", resigned(&format!("{payload}+/+/"))),
            ("payload with a line break", resigned(&format!("{payload}\n"))),
            ("payload in a second spelling", resigned(&second_spelling)),
            ("payload with a dot", resigned(&format!("{payload}.{payload}"))),
            ("payload not UTF-8", hs256(HS256, [&GOOD.as_bytes()[..60], &[0xFF], &GOOD.as_bytes()[60..]].concat())),
            ("payload with a byte order mark", hs256(HS256, format!("\u{feff}{GOOD}"))),
            ("payload empty and signed", hs256(HS256, "")),
        ],
    ));
    hostile.extend(refused(TooLong, [("huge", hs256(HS256, "a".repeat(4000)))]));
    hostile
}

/// JSON that is not the claims of the profile.
fn misclaimed() -> Vec<Hostile> {
    let changed = |name, from: &str, to: &str| (name, hs256(HS256, claims(from, to)));
    let inserted = |name, member: &str| (name, hs256(HS256, claims("{", &format!("{{{member},"))));
    refused(
        BadClaims,
        [
            ("an array", hs256(HS256, format!("[{GOOD}]"))),
            ("a string", hs256(HS256, r#""alice""#)),
            ("null", hs256(HS256, "null")),
            ("an empty object", hs256(HS256, "{}")),
            ("two objects", hs256(HS256, format!("{GOOD}{GOOD}"))),
            ("cut", hs256(HS256, &GOOD[..GOOD.len() - 1])),
            ("a trailing comma", hs256(HS256, claims(r#"["pin"]}"#, r#"["pin"],}"#))),
            ("a comment", hs256(HS256, claims("{", "{/**/"))),
            ("deep arrays", hs256(HS256, "[".repeat(3000))),
            ("deep objects", hs256(HS256, r#"{"x":"#.repeat(600))),
        ]
        .into_iter()
        .chain(["iss", "aud", "client_id", "sub", "exp", "iat", "auth_time", "jti", "sid"].map(|name| {
            let member = GOOD.split(',').find(|member| member.contains(&format!("\"{name}\":"))).unwrap();
            let member = member.trim_start_matches('{');
            ("missing", hs256(HS256, GOOD.replace(&format!("{member},"), "")))
        }))
        .chain([
            changed("amr missing", r#","amr":["pin"]"#, ""),
            inserted("sub twice", r#""sub":"mallory""#),
            inserted("sub twice alike", r#""sub":"alice""#),
            changed("exp twice", "}", r#","exp":1800003000}"#),
            changed("amr twice", "}", r#","amr":["pin"]}"#),
            changed("a claim of the host twice", "}", r#","scope":"a","scope":"b"}"#),
            changed("sub escaped", r#""sub""#, r#""s\u0075b""#),
            inserted("sub twice, once escaped", r#""s\u0075b":"mallory""#),
            changed("a claim of the host escaped", "}", r#","sc\u006fpe":"a"}"#),
            inserted("exp in capitals beside", r#""nbf":1799999999"#),
            changed("exp a string", "1800000900", r#""1800000900""#),
            changed("exp a fraction", "1800000900", "1800000900.0"),
            changed("exp with an exponent", "1800000900", "18000009e2"),
            changed("exp negative", "1800000900", "-1"),
            changed("exp with a leading zero", "1800000900", "01800000900"),
            changed("exp with a plus", "1800000900", "+1800000900"),
            changed("exp null", "1800000900", "null"),
            changed("exp beyond 64 bits", "1800000900", "18446744073709551616"),
            changed("exp an array", "1800000900", "[1800000900]"),
            changed("iat a string", r#""iat":1800000000"#, r#""iat":"1800000000""#),
            changed("iat a bool", r#""iat":1800000000"#, r#""iat":true"#),
            changed("lives for more than an hour", "1800000900", "1800003601"),
            changed("lives for ever", "1800000900", "18446744073709551615"),
            changed("unlocked after it was minted", "1799999990", "1800000001"),
            changed("aud an array", r#""https://api.example""#, r#"["https://api.example"]"#),
            changed("aud an object", r#""https://api.example""#, r#"{"https://api.example":true}"#),
            changed("sub empty", r#""alice""#, r#""""#),
            changed("sub a number", r#""alice""#, "1"),
            changed("sub with NUL", r#""alice""#, r#""alice\u0000""#),
            changed("sub with a raw line break", r#""alice""#, "\"ali\nce\""),
            changed("sub with a lone surrogate", r#""alice""#, r#""\ud800""#),
            changed("jti not ours", "CQkJCQkJCQkJCQkJCQkJCQ", "1"),
            changed("jti in a second spelling", "CQkJCQkJCQkJCQkJCQkJCQ", "CQkJCQkJCQkJCQkJCQkJCR"),
            changed("jti escaped", "CQkJCQkJCQkJCQkJCQkJCQ", r"\u0043QkJCQkJCQkJCQkJCQkJCQ"),
            changed("sid cut", "BwcHBwcHBwcHBwcHBwcHBw", "BwcHBwcHBwcHBwcHBwcHB"),
            changed("amr empty", r#"["pin"]"#, "[]"),
            changed("amr of others", r#"["pin"]"#, r#"["pwd"]"#),
            changed("amr and more", r#"["pin"]"#, r#"["pin","mfa"]"#),
            changed("amr a string", r#"["pin"]"#, r#""pin""#),
            changed("tenant null", "}", r#","tenant":null}"#),
            changed("cnf null", "}", r#","cnf":null}"#),
            changed("cnf a thumbprint", "}", r#","cnf":{"jkt":"AAAA"}}"#),
            changed("cnf with a key beside its name", "}", r#","cnf":{"kid":"AAAAAAAAAAAAAAAAAAAAAAAAAAA","jwk":{}}}"#),
            changed("cnf an array", "}", r#","cnf":["AAAAAAAAAAAAAAAAAAAAAAAAAAA"]}"#),
            changed("cnf escaped", "}", r#","cnf":{"k\u0069d":"AAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#),
            changed("cnf too short", "}", r#","cnf":{"kid":"AAAA"}}"#),
            changed("nbf", "}", r#","nbf":1800000500}"#),
            changed("act", "}", r#","act":{"sub":"admin"}}"#),
            changed("may_act", "}", r#","may_act":{"sub":"admin"}}"#),
            changed("acr", "}", r#","acr":"0"}"#),
            changed("status", "}", r#","status":{"status_list":{"idx":0,"uri":"https://id.example"}}}"#),
            changed(
                "a name that serde_json takes for a value",
                "}",
                r#","$serde_json::private::RawValue":"{\"sub\":\"admin\"}"}"#,
            ),
            changed("too much of the host", "}", &format!(r#","x":"{}"}}"#, "y".repeat(1024))),
            changed("events", "}", r#","events":{}}"#),
            changed("33 claims of the host", "}", &{
                let names: String = (0..33).map(|number| format!(r#","x{number}":0"#)).collect();
                names + "}"
            }),
        ]),
    )
}

/// Good tokens of somebody else, or of another time.
fn misplaced() -> Vec<Hostile> {
    let changed = |name, from: &str, to: &str| (name, hs256(HS256, claims(from, to)));
    let mut hostile = refused(
        NotForUs,
        [
            changed("iss of others", "id.example", "evil.example"),
            changed("iss with a slash", r#"id.example""#, r#"id.example/""#),
            changed("iss in capitals", "https://id.example", "HTTPS://ID.EXAMPLE"),
            changed("iss empty", "https://id.example", ""),
            changed("aud of others", "api.example", "other.example"),
            changed("aud a part", "https://api.example", "https://api"),
            changed("client of others", r#""app""#, r#""web""#),
            changed("tenant of others", "}", r#","tenant":"acme"}"#),
            changed("tenant empty", "}", r#","tenant":""}"#),
        ],
    );
    hostile.extend(refused(
        Expired,
        [
            changed("expired just now", "1800000900", "1800000000"),
            changed("expired long ago", "1800000900", "1"),
            changed("expired at the beginning of time", "1800000900", "0"),
        ],
    ));
    hostile.extend(refused(
        NotYetValid,
        [
            changed("from the future", r#""iat":1800000000"#, r#""iat":1800000006"#),
            changed("from the end of time", r#""iat":1800000000"#, r#""iat":18446744073709551615"#),
        ],
    ));
    let bound = claims("}", r#","cnf":{"kid":"AAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#);
    hostile.extend(refused(ProofRequired, [("bound, as a bearer's", hs256(HS256, bound))]));
    hostile
}

#[test]
fn every_hostile_token_is_refused_with_its_error() {
    let hostile: Vec<Hostile> =
        [unsigned(), confused(), injected(), misshapen(), misclaimed(), misplaced()].into_iter().flatten().collect();
    let distinct: HashSet<&str> = hostile.iter().map(|hostile| &*hostile.token).collect();
    assert!(hostile.len() >= 150 && distinct.len() == hostile.len(), "{} of {}", distinct.len(), hostile.len());
    let good = [hs256(HS256, GOOD), eddsa(EDDSA, GOOD)];
    for token in &good {
        verify(token).unwrap();
        assert!(!distinct.contains(&**token));
    }
    for Hostile { name, token, expected } in hostile {
        assert_eq!(verify(&token).map(drop), Err(expected), "{name}: {token}");
    }
}

/// The rules about claims do not depend on the algorithm.
#[test]
fn claims_that_are_refused_under_one_key_are_refused_under_the_other() {
    for Hostile { name, token, expected } in misclaimed().into_iter().chain(misplaced()) {
        let payload = token.split('.').nth(1).unwrap();
        let payload = <base64ct::Base64UrlUnpadded as base64ct::Encoding>::decode_vec(payload).unwrap();
        assert_eq!(verify(&eddsa(EDDSA, payload)).map(drop), Err(expected), "{name}");
    }
}

#[test]
fn every_altered_character_is_refused() {
    for token in [hs256(HS256, GOOD), eddsa(EDDSA, GOOD)] {
        for at in 0..token.len() {
            for replacement in ["", "A", "B", ".", "=", "_", "AA"] {
                let mut altered = token.clone();
                altered.replace_range(at..=at, replacement);
                assert!(altered == token || verify(&altered).is_err(), "{altered}");
            }
        }
    }
}
