//! What people type where a code or a number is asked for, and what a client sends back.

use pinlatch::id::Recipient;
use pinlatch::otp::{ChallengeHandle, OtpCode, SmsTemplate};

pub fn run(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let digits = text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').count();
    if text.parse::<OtpCode>().is_ok() {
        assert!((4..=10).contains(&digits), "{text:?}");
    }
    if let Ok(recipient) = Recipient::phone(text) {
        let number = recipient.as_str();
        assert!((9..=16).contains(&number.len()) && number.starts_with('+'), "{number}");
        assert!(number[1..].bytes().all(|byte| byte.is_ascii_digit()), "{number}");
        assert_eq!(Recipient::phone(number).unwrap(), recipient);
    }
    if let Ok(handle) = text.parse::<ChallengeHandle>() {
        assert_eq!(*handle.to_text(), *text);
    }
    if let Some((words, domain)) = text.split_once('\n') {
        drop(SmsTemplate::new(words, domain));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let handle = format!("plo1_{}", "A".repeat(43));
    [
        "482 913",
        "482\u{A0}913",
        "٤٨٢٩١٣",
        "+44 7700 900123",
        "+49 (151) 123-45678",
        "{code} is your code.\nexample.com",
        &handle,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
