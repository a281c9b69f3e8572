//! Our answers, as others verify them.

use pinlatch::proof::{ResponseParts, ServerCheck, ServerKey};
use pinlatch::{ClockPolicy, SystemClock};
use pinlatch_peers::Dice;
use rand_core::UnwrapErr;
use serde_json::json;

use crate::message::{Message, hex, text};
use crate::peer::peers;
use crate::server::Server;

#[test]
fn others_verify_our_answers() {
    let (server, server_key) = (Server::new(), ServerKey::ed25519("server-1", b"a server's secret, 32 bytes long"));
    let server_key = server_key.unwrap();
    for mut peer in peers() {
        for seed in 0..1000 {
            let mut dice = Dice(seed);
            let mut request = Message::random(&mut dice, &server.token);
            let check = ServerCheck::new(&mut UnwrapErr(getrandom::SysRng));
            request.headers.push(("accept-signature".into(), check.accept_signature()));
            if dice.once_in(2) {
                server.sign(&mut request);
            }
            let (status, body) = (dice.one_of(&[200, 201, 401, 503]), text(&mut dice, b"abc \"{}:,\xFF", 100));
            let typed: &[(&str, &[u8])] = &[("content-type", b"application/json")];
            let typed = if dice.once_in(2) { typed } else { &[] };
            let response = ResponseParts { status, headers: typed, body: body.as_bytes() };
            let asked = request.body.clone().unwrap_or_default();
            let signed =
                request.parts(|request| server_key.sign_response(request, &asked, &response, SystemClock.now()));
            let signed = signed.unwrap();
            let mut headers: serde_json::Map<_, _> = typed
                .iter()
                .map(|(name, value)| ((*name).to_owned(), String::from_utf8_lossy(value).into_owned().into()))
                .collect();
            headers.insert("content-digest".into(), signed.content_digest.into());
            headers.insert("signature-input".into(), signed.headers.signature_input.into());
            headers.insert("signature".into(), signed.headers.signature.into());
            let asked = |status: u16, body: &str| {
                json!({
                    "op": "verify_response",
                    "request": request.json(),
                    "response": {"status": status, "headers": headers},
                    "key": hex(server_key.public_key().as_bytes()),
                    "keyid": "server-1",
                    "tag": "pinlatch-response/1",
                    "body": hex(body.as_bytes()),
                })
            };
            let verdict = peer.verify_response(&asked(status, &body));
            assert_eq!(verdict, Ok(()), "{} {seed}: {request:?}", peer.library);
            assert!(peer.verify_response(&asked(status + 1, &body)).is_err());
            assert!(peer.verify_response(&asked(status, &format!("{body}x"))).is_err());
        }
    }
}
