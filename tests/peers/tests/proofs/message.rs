//! Requests at random, and what happens to them on their way.

use pinlatch::proof::{Body, RequestParts, content_digest};
use pinlatch_peers::Dice;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What no library writes in another way: the others normalize addresses, and sign what they made of them.
const IN_PATH: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$&()*+,;=:@";
const IN_QUERY: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&()*+,;=:@/?";
const IN_VALUE: &[u8] =
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

pub(crate) fn text(dice: &mut Dice, alphabet: &[u8], most: usize) -> String {
    (0..dice.below(most + 1)).map(|_| char::from(dice.one_of(alphabet))).collect()
}

fn path(dice: &mut Dice) -> String {
    let mut path = String::new();
    for _ in 0..=dice.below(4) {
        path.push('/');
        path += &text(dice, IN_PATH, 12);
        if dice.once_in(4) {
            path += dice.one_of(&["%20", "%C3%A9", "%2F", "%00", "%25"]);
        }
    }
    path
}

impl Message {
    /// Complete but for its signature.
    pub(crate) fn random(dice: &mut Dice, token: &str) -> Self {
        let body: Option<Vec<u8>> =
            (!dice.once_in(3)).then(|| (0..dice.below(200)).map(|_| dice.below(256).to_le_bytes()[0]).collect());
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
        if let Some(body) = &body {
            headers.push(("content-digest".into(), content_digest(body)));
        }
        if dice.once_in(2) {
            headers
                .push(("content-type".into(), dice.one_of(&["application/json", "text/plain; charset=utf-8"]).into()));
        }
        for name in ["x-one", "x-two", "idempotency-key", "date"] {
            if dice.once_in(3) {
                headers.push((name.into(), text(dice, IN_VALUE, 40).trim().to_owned()));
            }
        }
        dice.shuffle(&mut headers);
        Self {
            method: dice.one_of(&["GET", "POST", "PUT", "PATCH", "DELETE"]).into(),
            authority: dice.one_of(&["api.example", "api.example:8443", "127.0.0.1:3000", "[2001:db8::1]:80"]).into(),
            path: path(dice),
            query: (!dice.once_in(3)).then(|| text(dice, IN_QUERY, 30)).filter(|query| !query.is_empty()),
            headers,
            body,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    /// What the profile demands, in any order, and sometimes more.
    pub(crate) fn covered(&self, dice: &mut Dice) -> Vec<String> {
        let mut covered = vec!["@method", "@authority", "authorization"];
        match dice.below(3) {
            0 => covered.push("@target-uri"),
            1 => covered.extend(["@path", "@query"]),
            _ => covered.extend(["@path", "@query", "@target-uri"]),
        }
        if self.body.is_some() {
            covered.push("content-digest");
        }
        for name in ["content-type", "x-one", "x-two", "idempotency-key", "date"] {
            if self.has(name) && (name == "content-type" || dice.once_in(2)) {
                covered.push(name);
            }
        }
        dice.shuffle(&mut covered);
        covered.into_iter().map(str::to_owned).collect()
    }

    pub(crate) fn parts<T>(&self, then: impl FnOnce(&RequestParts<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        then(&RequestParts {
            method: &self.method,
            scheme: "https",
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
            also_signed: &[],
            body: if self.body.is_some() { Body::Present } else { Body::Absent },
        })
    }

    /// As the others have it.
    pub(crate) fn json(&self) -> Value {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let headers: serde_json::Map<_, _> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let url = format!("https://{}{}{query}", self.authority, self.path);
        json!({"method": self.method, "url": url, "headers": headers})
    }

    /// Something is changed that both sides see.
    pub(crate) fn mutated(mut self, dice: &mut Dice) -> Self {
        let parts = 5 + self.headers.len();
        match dice.below(parts) {
            0 => self.method = dice.one_of(&["GET", "POST", "PUT", "PURGE"]).into(),
            1 => self.authority = dice.one_of(&["api.example", "other.example"]).into(),
            2 => self.path += dice.one_of(&["x", "/", "%20"]),
            3 => self.query = Some(format!("{}x", self.query.unwrap_or_default())),
            4 => {
                if let Some(body) = &mut self.body {
                    body.push(1);
                }
            }
            header => {
                let value = &mut self.headers[header - 5].1;
                let at = dice.below(value.len() + 1);
                let fragment =
                    dice.one_of(&["", "a", "0", "\"", ";", " ", ",", "=", ":", "(", ")", "@", "sig", ";req"]);
                let end = (at + dice.below(4)).min(value.len());
                value.replace_range(at..end, fragment);
                *value = value.trim().to_owned();
            }
        }
        self
    }
}
