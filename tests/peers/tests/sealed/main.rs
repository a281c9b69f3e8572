//! Sealed bodies between pinlatch and hpke-js, in both directions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use pinlatch::sealed::{SealingKey, SealingPublicKey, open};
use pinlatch_peers::{Dice, Process};
use rand_core::UnwrapErr;
use serde_json::json;

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
    for round in 0..200_usize {
        let id = u8::try_from(dice.below(256)).unwrap();
        let secret: [u8; 32] = bytes(&mut dice, 32).try_into().unwrap();
        let key = SealingKey::x25519(id, &secret).unwrap();
        let path = format!("/{}", hex(&bytes(&mut dice, round % 9)));
        let asked_len = dice.below(3_000);
        let (asked, answered) = (bytes(&mut dice, asked_len), bytes(&mut dice, round * 7));

        // It asks, pinlatch serves.
        let public = hex(key.public_key().as_bytes());
        let request =
            peer.ask(&json!({"op": "seal", "id": id, "public_key": public, "path": path, "body": hex(&asked)}));
        let opened = open(core::slice::from_ref(&key), &path, &unhex(request.unwrap().as_str().unwrap())).unwrap();
        assert_eq!(*opened.body, asked);
        let answer = hex(&opened.answer.seal(&answered, &mut rng()));
        assert_eq!(peer.ask(&json!({"op": "open_answer", "answer": answer})).unwrap(), hex(&answered));

        // pinlatch asks, it serves.
        let public = SealingPublicKey::from_bytes(id, *key.public_key().as_bytes());
        let (request, answer) = public.seal(&path, &asked, &mut rng()).unwrap();
        let request = json!({
            "op": "serve", "id": id, "secret_key": hex(&secret), "path": path, "request": hex(&request),
            "answer": hex(&answered),
        });
        let served = peer.ask(&request).unwrap();
        assert_eq!(served["body"], hex(&asked));
        assert_eq!(*answer.open(&unhex(served["answer"].as_str().unwrap())).unwrap(), answered);
    }
}
