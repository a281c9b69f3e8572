//! The text of a message.

use zeroize::Zeroizing;

use super::code::OtpCode;
use crate::id::Recipient;

/// A message to one recipient. Its text has the code, so it is not for logs.
pub struct Sms {
    recipient: Recipient,
    text: Zeroizing<String>,
}

/// A text that codes are put into, and the site that they are for.
///
/// The last line binds the code to the site: browsers offer it there and nowhere else (WICG, "Origin-bound one-time
/// codes delivered via SMS").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsTemplate {
    text: String,
    domain: String,
}

/// A template that cannot be used. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmsTemplateError {
    /// The text has `{code}` not exactly once, or an `@` at the beginning of a line, or more than 400 characters.
    #[error("a text has {{code}} once, no line that begins with @, and at most 400 characters")]
    Text,
    /// Not a host name in lowercase, such as `example.com`.
    #[error("not a host name in lowercase")]
    Domain,
}

const CODE: &str = "{code}";
const LEFT_TO_RIGHT: &str = "\u{200E}";

impl SmsTemplate {
    /// `text` with `{code}` in it, and the host name of the site. Where a [hint](super::OtpPolicy::hint) is used, the
    /// code is put as `7-482913`, in texts beyond the GSM alphabet with a left-to-right mark before it, so that it
    /// stands like that between words which are written from the right.
    ///
    /// ```text
    /// 482913 is your code for Example. Never tell it to anyone, also not to us.
    ///
    /// @example.com #482913
    /// ```
    ///
    /// # Errors
    /// [`SmsTemplateError`].
    pub fn new(text: impl Into<String>, domain: impl Into<String>) -> Result<Self, SmsTemplateError> {
        let (text, domain) = (text.into(), domain.into());
        let at_line = text.lines().any(|line| line.starts_with('@'));
        if text.matches(CODE).count() != 1 || at_line || text.chars().count() > 400 {
            return Err(SmsTemplateError::Text);
        }
        let label = |label: &str| {
            let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(valid)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let valid = (1..=253).contains(&domain.len()) && domain.split('.').all(label);
        if valid { Ok(Self { text, domain }) } else { Err(SmsTemplateError::Domain) }
    }

    pub(super) fn message(&self, recipient: Recipient, hint: Option<u8>, code: &OtpCode) -> Sms {
        let (digits, domain) = (code.expose_secret(), &self.domain);
        let mark = if is_gsm(&self.text) { "" } else { LEFT_TO_RIGHT };
        let shown = hint.map_or_else(|| digits.to_string(), |hint| format!("{mark}{hint}-{}", *digits));
        let (shown, (before, after)) = (Zeroizing::new(shown), self.text.split_once(CODE).unwrap_or_default());
        let text = Zeroizing::new(format!("{before}{}{after}\n\n@{domain} #{}", *shown, *digits));
        Sms { recipient, text }
    }
}

/// The characters of one septet in GSM 03.38, and those of two.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const GSM_ESCAPED: &str = "^{}\\[~]|€";

impl Sms {
    /// Whom it goes to.
    #[must_use]
    pub const fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The text, with the code. Every call is a place to review.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.text
    }

    /// How many messages an operator makes of it: 160 characters of the GSM alphabet fit into one, or 70 of any other;
    /// of several that are put together again, 153 or 67 into each.
    #[must_use]
    pub fn segments(&self) -> usize {
        segments(&self.text)
    }
}

fn is_gsm(text: &str) -> bool {
    text.chars().all(|letter| GSM.contains(letter) || GSM_ESCAPED.contains(letter))
}

fn segments(text: &str) -> usize {
    let septets: Option<usize> = text
        .chars()
        .map(|letter| match letter {
            letter if GSM.contains(letter) => Some(1),
            letter if GSM_ESCAPED.contains(letter) => Some(2),
            _ => None,
        })
        .sum();
    let (units, alone, joined) = match septets {
        Some(septets) => (septets, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    if units <= alone { 1 } else { units.div_ceil(joined) }
}

impl core::fmt::Debug for Sms {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sms").field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, hint: Option<u8>) -> Sms {
        let template = SmsTemplate::new(text, "example.com").unwrap();
        template.message(Recipient::new("+4915112345678").unwrap(), hint, &OtpCode::new(12_913, 6))
    }

    #[test]
    fn the_last_line_binds_the_code_to_its_site() {
        let sms = message("{code} is your code for Example.", None);
        assert_eq!(sms.expose_secret(), "012913 is your code for Example.\n\n@example.com #012913");
        let sms = message("Code: {code}", Some(7));
        assert_eq!(sms.expose_secret(), "Code: 7-012913\n\n@example.com #012913", "the hint is not typed");
        assert_eq!(format!("{sms:?}"), r#"Sms { recipient: Recipient("+4915112345678"), .. }"#);
    }

    /// Between letters that are written from the right, digits on both sides of a hyphen would change their places.
    #[test]
    fn a_hint_stays_in_front_of_its_code() {
        let sms = message("کد شما: {code}", Some(7));
        assert!(sms.expose_secret().starts_with("کد شما: \u{200E}7-012913\n"), "{}", sms.expose_secret());
        assert!(message("کد شما: {code}", None).expose_secret().starts_with("کد شما: 012913\n"));
    }

    #[test]
    fn templates_are_checked_when_they_are_made() {
        for text in
            ["", "no code", "{code} {code}", "{code}\n@evil.example #000000", &format!("{{code}}{}", "x".repeat(400))]
        {
            assert_eq!(SmsTemplate::new(text, "example.com"), Err(SmsTemplateError::Text), "{text}");
        }
        for domain in
            ["", "Example.com", "https://example.com", "example.com/x", "-a.example", "a..b", "exämple.com", "a b"]
        {
            assert_eq!(SmsTemplate::new("{code}", domain), Err(SmsTemplateError::Domain), "{domain}");
        }
    }

    #[test]
    fn segments_are_counted_as_operators_do() {
        assert_eq!(message("{code}", None).segments(), 1);
        assert_eq!(message(&format!("{{code}}{}", "x".repeat(150)), None).segments(), 2);
        assert_eq!(segments(&"a".repeat(160)), 1);
        assert_eq!(segments(&"a".repeat(161)), 2);
        assert_eq!(segments(&"a".repeat(306)), 2);
        assert_eq!(segments(&"a".repeat(307)), 3);
        assert_eq!(segments(&format!("{}€", "a".repeat(158))), 1);
        assert_eq!(segments(&format!("{}€", "a".repeat(159))), 2);
        assert_eq!(segments(&"ک".repeat(70)), 1);
        assert_eq!(segments(&"ک".repeat(71)), 2);
        assert_eq!(segments(&"😀".repeat(36)), 2, "two units each");
    }
}
