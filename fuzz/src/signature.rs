//! Headers of a signature, in the request and in the answer: nothing is accepted but the signature that was made.

use pinlatch::proof::{Body, Candidate, MessageParts};

use crate::fixtures::{BODY, Counter, HANDED_OUT, NOW, access_tokens, keys};

/// Two lines of a header, with a line feed between them.
pub fn run(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (input, signature) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let (client, digest) = (&HANDED_OUT.client, pinlatch::proof::content_digest(BODY));
    let headers: [(&str, &[u8]); 5] = [
        ("content-type", b"application/json"),
        ("content-digest", digest.as_bytes()),
        ("authorization", client.authorization.as_bytes()),
        ("signature-input", input),
        ("signature", signature),
    ];
    let parts = client.parts(&headers).body(Body::Present);
    if let Ok(candidate) = Candidate::read(&parts, NOW)
        && let Ok(proof) = candidate.verify(access_tokens().verifier(), &keys(), NOW)
    {
        assert_eq!(proof.session_id(), client.session_id);
        let strip = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap().replace([' ', '\t'], "");
        let made = &seeds()[0];
        assert_eq!(strip(data), strip(made));
    }
    if let Ok(text) = core::str::from_utf8(data) {
        let token = client.authorization.strip_prefix("Bearer ").unwrap();
        let parts = MessageParts { access_token: token, service: "wss://api.example", parts: &[("call", b"transfer")] };
        if let Ok(candidate) = Candidate::read_message(&parts, text, NOW)
            && candidate.verify(access_tokens().verifier(), &keys(), NOW).is_ok()
        {
            assert_eq!(data, seeds()[1]);
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let (client, digest) = (&HANDED_OUT.client, pinlatch::proof::content_digest(BODY));
    let headers: [(&str, &[u8]); 3] = [
        ("content-type", b"application/json"),
        ("content-digest", digest.as_bytes()),
        ("authorization", client.authorization.as_bytes()),
    ];
    let parts = client.parts(&headers).body(Body::Present);
    let signed = client.key.sign_request(client.session_id, &parts, NOW, &mut Counter(2)).unwrap();
    let token = client.authorization.strip_prefix("Bearer ").unwrap();
    let parts = MessageParts { access_token: token, service: "wss://api.example", parts: &[("call", b"transfer")] };
    let message = client.key.sign_message(&parts, NOW, &mut Counter(3));
    vec![format!("{}\n{}", signed.signature_input, signed.signature).into_bytes(), message.as_bytes().to_vec()]
}
