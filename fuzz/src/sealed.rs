//! Sealed bodies: only what was sealed is opened, and each answer by the call that asked.

use std::sync::LazyLock;

use pinlatch::sealed::{SealingKey, SealingKeys, SealingPublicKey};

use crate::fixtures::{BODY, Counter, HANDED_OUT, NOW, secret};

static KEYS: LazyLock<SealingKeys> =
    LazyLock::new(|| SealingKeys::new([SealingKey::x25519(1, &secret(5)).unwrap()]).unwrap());

pub fn run(data: &[u8]) {
    let parts = HANDED_OUT.client.parts(&[]);
    if let Ok(opened) = KEYS.open(&parts, data, NOW) {
        assert_eq!(opened.body.as_slice(), BODY);
    }
    let key = KEYS.public_keys().next().unwrap();
    let (_, answer) = key.seal(&parts, BODY, NOW, &mut Counter(5)).unwrap();
    assert!(answer.open(data).is_err());
    if let Ok(key) = SealingPublicKey::from_directory(data) {
        drop(key.to_jwk());
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let key = KEYS.public_keys().next().unwrap();
    let (sealed, _) = key.seal(&HANDED_OUT.client.parts(&[]), BODY, NOW, &mut Counter(6)).unwrap();
    let directory = format!(r#"{{"keys":[{}]}}"#, key.to_jwk());
    vec![sealed, directory.into_bytes()]
}
