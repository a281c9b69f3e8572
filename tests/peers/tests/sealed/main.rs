//! Sealed bodies between pinlatch and hpke-js, in both directions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use pinlatch::UnixTime;
use pinlatch::proof::{Origin, RequestParts};
use pinlatch::sealed::{SealingKey, SealingKeys};
use pinlatch_peers::{Dice, Process};
use rand_core::UnwrapErr;
use serde_json::json;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

#[expect(clippy::disallowed_types, reason = "a test asks the system")]
fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn bytes(dice: &mut Dice, len: usize) -> Vec<u8> {
    (0..len).map(|_| u8::try_from(dice.below(256)).unwrap()).collect()
}

#[test]
fn hpke_js_and_pinlatch_read_each_other() {
    let (mut peer, mut dice) = (Process::node("sealed.mjs"), Dice(1));
    let origin: Origin = "https://api.example".parse().unwrap();
    for round in 0..200_usize {
        let id = u8::try_from(dice.below(256)).unwrap();
        let secret: [u8; 32] = bytes(&mut dice, 32).try_into().unwrap();
        let key = SealingKey::x25519(id, &secret).unwrap();
        let keys = SealingKeys::new([key]).unwrap();
        let public = keys.public_keys().next().unwrap();
        let path = format!("/{}", hex(&bytes(&mut dice, round % 9)));
        let request = RequestParts::new("POST", &origin, &path, &[]);
        let target = format!("POST https://api.example{path}");
        let asked_len = dice.below(3_000);
        let (asked, answered) = (bytes(&mut dice, asked_len), bytes(&mut dice, round * 7));

        // It asks, pinlatch serves.
        let ask = json!({
            "op": "seal", "id": id, "public_key": hex(public.as_bytes()), "target": target, "at": NOW.as_secs(),
            "body": hex(&asked),
        });
        let body = unhex(peer.ask(&ask).unwrap().as_str().unwrap());
        let opened = keys.open(&request, &body, NOW).unwrap();
        assert_eq!(*opened.body, asked);
        let answer = hex(&opened.answer.seal(418, &answered, &mut rng()));
        let read = peer.ask(&json!({"op": "open_answer", "answer": answer})).unwrap();
        assert_eq!(read, json!({"status": 418, "body": hex(&answered)}));

        // pinlatch asks, it serves.
        let (body, opener) = public.seal(&request, &asked, NOW, &mut rng()).unwrap();
        let serve = json!({
            "op": "serve", "id": id, "secret_key": hex(&secret), "target": target, "request": hex(&body),
            "answer": hex(&answered),
        });
        let served = peer.ask(&serve).unwrap();
        assert_eq!((&served["body"], &served["at"]), (&json!(hex(&asked)), &json!(NOW.as_secs())));
        let answer = opener.open(&unhex(served["answer"].as_str().unwrap())).unwrap();
        assert_eq!((answer.status, &*answer.body), (404, &answered));
    }
}
