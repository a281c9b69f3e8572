//! Digests that a client has signed: a body is accepted only with its own digest in the list.

use pinlatch::proof::{Body, Candidate, content_digest};
use pinlatch::record::Inserted;

use crate::fixtures::{BODY, Counter, HANDED_OUT, NOW, access_tokens, keys};

pub fn run(data: &[u8]) {
    let client = &HANDED_OUT.client;
    let headers: [(&str, &[u8]); 3] = [
        ("content-type", b"application/json"),
        ("content-digest", data),
        ("authorization", client.authorization.as_bytes()),
    ];
    let parts = client.parts(&headers).body(Body::Present);
    let Ok(signed) = client.key.sign_request(client.session_id, &parts, NOW, &mut Counter(4)) else { return };
    let mut headers = headers.to_vec();
    headers.push(("signature-input", signed.signature_input.as_bytes()));
    headers.push(("signature", signed.signature.as_bytes()));
    let parts = client.parts(&headers).body(Body::Present);
    let Ok(candidate) = Candidate::read(&parts, NOW) else { return };
    let Ok(proof) = candidate.verify(access_tokens().verifier(), &keys(), NOW) else { return };
    for body in [BODY, b"another body"] {
        let Ok(candidate) = Candidate::read(&parts, NOW) else { return };
        let Ok(again) = candidate.verify(access_tokens().verifier(), &keys(), NOW) else { return };
        if again.stored(Inserted::Created).unwrap().with_body(body).is_ok() {
            let digest = content_digest(body);
            let value = digest.strip_prefix("sha-256=").unwrap();
            assert!(core::str::from_utf8(data).unwrap().contains(value), "{body:?}");
        }
    }
    assert_eq!(proof.session_id(), client.session_id);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let one = content_digest(BODY);
    let two = format!("sha-512=:{}:, {one};q=1", "A".repeat(86) + "==");
    vec![one.into_bytes(), two.into_bytes()]
}
