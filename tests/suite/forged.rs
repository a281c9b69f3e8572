//! What is refused before it costs anything.

use std::sync::Arc;

use pinlatch::stores::MemoryStore;
use pinlatch::wrap::WrappedToken;

use crate::world::*;

/// Refused without a store call, an evaluation, or a charge.
async fn assert_free(world: &World, text: &str) {
    let (calls, evaluations) = (world.store.calls(), world.kdf.evaluations());
    assert_eq!(world.code(text, PIN).await, "invalid_wrapped_token", "{text}");
    assert_eq!((world.store.calls(), world.kdf.evaluations()), (calls, evaluations), "{text}");
}

fn decode(text: &str) -> Vec<u8> {
    use base64ct::Encoding;
    base64ct::Base64UrlUnpadded::decode_vec(text.strip_prefix("plw1_").unwrap()).unwrap()
}

fn encode(bytes: &[u8]) -> String {
    use base64ct::Encoding;
    format!("plw1_{}", base64ct::Base64UrlUnpadded::encode_string(bytes))
}

#[tokio::test]
async fn every_single_bit_is_authentic() {
    let world = World::new();
    let bytes = decode(&world.wrapped().await);
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_free(&world, &encode(&altered)).await;
    }
}

#[tokio::test]
async fn every_length_but_one_is_refused() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    assert_eq!(wrapped.len(), WrappedToken::LEN);
    let bytes = decode(&wrapped);
    for len in (0..bytes.len() * 2).filter(|len| *len != bytes.len()) {
        let resized: Vec<u8> = bytes.iter().chain(&bytes).copied().take(len).collect();
        assert_free(&world, &encode(&resized)).await;
    }
    for len in 0..wrapped.len() {
        assert_free(&world, &wrapped[..len]).await;
    }
}

#[tokio::test]
async fn only_the_one_spelling_is_accepted() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    let body = &wrapped["plw1_".len()..];
    let last = wrapped.chars().last().unwrap();
    for text in [
        String::new(),
        "plw1_".into(),
        body.to_owned(),
        format!("PLW1_{body}"),
        format!("plw2_{body}"),
        format!("pls1_{body}"),
        format!(" {wrapped}"),
        format!("{wrapped} "),
        format!("{wrapped}="),
        format!("{wrapped}\n"),
        format!("{wrapped}\0"),
        wrapped.replace(['-', '_'], "+"),
        "plw1_é".into(),
        "plw1_".to_owned() + &"A".repeat(1_000_000),
    ] {
        assert_free(&world, &text).await;
    }
    // The last character carries two bits that mean nothing; a strict decoder has them zero.
    let unused_bits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let position = unused_bits.find(last).unwrap();
    for other in 1..4 {
        let mut respelled = wrapped.clone();
        respelled.pop();
        respelled.push(unused_bits.as_bytes()[(position + other) % 64].into());
        assert_free(&world, &respelled).await;
    }
    assert_eq!(world.code(&wrapped, PIN).await, "ok");
}

/// All pairs of tenants and peppers: a wrap opens where it was made and nowhere else.
#[tokio::test]
async fn other_tenants_and_other_peppers_are_strangers() {
    let store = Arc::new(MemoryStore::default());
    let mut worlds = Vec::new();
    for tenant in ["", "acme", "apex"] {
        for active in [1, 2] {
            worlds.push(World::on(store.clone(), policy(), key_ring(active), tenant));
        }
    }
    for (at, maker) in worlds.iter().enumerate() {
        // Two peppers that do not know each other on one tenant's rows is what `rotation_of_secrets` is about.
        let maker_subject = format!("alice {at}");
        let wrapped = maker.login(&maker_subject).await.device_token.into_string();
        let opened = maker.unlock(&wrapped, PIN).await.unwrap();
        for (other, world) in worlds.iter().enumerate() {
            if at != other {
                assert_free(world, &wrapped).await;
            }
            let same_tenant = at / 2 == other / 2;
            assert_eq!(world.sessions.verify(opened.access_token.as_str()).is_ok(), same_tenant, "{at} {other}");
        }
        assert_eq!(maker.code(&wrapped, PIN).await, "ok");
    }
}

/// Records moved between sessions, users and tenants in the database are refused, each in every other's place.
#[tokio::test]
async fn rows_moved_in_the_database_end_the_session() {
    use pinlatch::record::Record;
    use pinlatch::session::SessionState;
    use pinlatch::store::SessionStore;
    let store = Arc::new(MemoryStore::default());
    let world = World::on(store.clone(), policy(), key_ring(1), "");
    let mut sessions = Vec::new();
    for name in ["alice", "alice", "bob"] {
        let session = world.login(name).await;
        let record = store.load(&SessionState::record_key(session.session_id)).await.unwrap().unwrap();
        sessions.push((session.device_token.into_string(), record));
    }
    for (victim, (wrapped, original)) in sessions.iter().enumerate() {
        for (other, (_, source)) in sessions.iter().enumerate() {
            let moved = Record { key: original.key, ..source.clone() };
            store.remove(&original.key).await.unwrap();
            assert_eq!(store.insert_new(&moved).await.unwrap(), pinlatch::record::Inserted::Created);
            let expected = if victim == other { "wrong_pin" } else { "session_ended" };
            assert_eq!(world.code(wrapped, WRONG).await, expected, "row {other} in the place of {victim}");
        }
        store.remove(&original.key).await.unwrap();
        let _ = store.insert_new(original).await.unwrap();
    }
}

/// The mask is malleable by design, the outer layer is not; and a digest is compared whole.
#[tokio::test]
async fn a_wrap_of_one_session_does_not_open_another() {
    let world = World::new();
    let (alice, bob) = (world.login("alice").await, world.login("bob").await);
    let (alice, bob) = (decode(alice.device_token.as_str()), decode(bob.device_token.as_str()));
    for cut in 1..alice.len() {
        let spliced = [&alice[..cut], &bob[cut..]].concat();
        // What both have in common at either end makes one of them whole again.
        if spliced != alice && spliced != bob {
            assert_free(&world, &encode(&spliced)).await;
        }
    }
}
