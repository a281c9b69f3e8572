//! The host's own user database, as far as a demo needs one.

use pinlatch::id::Recipient;
use pinlatch::{FullLogin, Subject};
use subtle::ConstantTimeEq;

/// Telephone numbers that nobody has: the regulator keeps them for films.
const PHONES: [(&str, &str); 2] = [("alice", "+447700900123"), ("bob", "+447700900456")];

const USERS: [(&str, &str); 2] = [("alice", "correct horse battery staple"), ("bob", "hunter2hunter2hunter2")];

/// Checks the full credentials. A real host compares password hashes, takes as long for names that nobody has, and
/// limits how often this can be asked.
pub(crate) fn check(username: &str, password: &str) -> Option<FullLogin> {
    let matches = |(name, secret): &(&str, &str)| {
        name.as_bytes().ct_eq(username.as_bytes()) & secret.as_bytes().ct_eq(password.as_bytes())
    };
    let found = USERS.iter().map(matches).fold(subtle::Choice::from(0), |found, matches| found | matches);
    bool::from(found).then(|| Subject::new(username).ok().map(FullLogin::vouched_by_host)).flatten()
}

/// Who has a telephone number, as they have proven when they gave it.
pub(crate) fn with_phone(recipient: &Recipient) -> Option<Subject> {
    let (name, _) = PHONES.iter().find(|(_, phone)| *phone == recipient.as_str())?;
    Subject::new(*name).ok()
}
