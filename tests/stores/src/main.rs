//! One of several processes on a store. It reads a command per line and answers each with a line.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "this is how it answers")]

use std::sync::Arc;

use pinlatch::{KdfPool, RequestContext, Sessions};
use pinlatch_store_tests::{Device, PIN, Phone, connect, login, pin, pool, sessions, subject, unlock};

/// Services beside each other, as a service lets one request of a session in at a time.
const SERVICES: usize = 16;

struct Client {
    services: Vec<Sessions>,
    phones: Vec<Phone>,
    kdf: KdfPool,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let store = connect(&std::env::args().nth(1).unwrap()).await;
    let kdf = pool();
    let services: Vec<_> = (0..SERVICES).map(|_| sessions(store.clone(), &kdf)).collect();
    let phones = services.iter().map(Phone::of).collect();
    let client = Client { services, phones, kdf };
    println!("ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<_> = line.split(' ').collect();
        println!("{}", client.answer(&words).await);
    }
}

impl Client {
    async fn answer(&self, words: &[&str]) -> String {
        let sessions = &self.services[0];
        match words {
            ["login", name] => {
                let issued = login(sessions, name).await;
                format!("{} {}", issued.session_id, issued.device_token.as_str())
            }
            ["unlock", wrapped, with] => match sessions.unlock(wrapped, &pin(with), &RequestContext::new()).await {
                Ok(opened) => format!("ok {} {}", opened.device_token.as_str(), opened.access_token.as_str()),
                Err(error) => error.code().to_owned(),
            },
            ["verify_live", access_token] => match sessions.verify_live(access_token).await {
                Ok(_) => "ok".to_owned(),
                Err(error) => error.code().to_owned(),
            },
            ["revoke", name, id] => sessions.revoke(&subject(name), id.parse().unwrap()).await.unwrap().to_string(),
            ["revoke_all", name] => {
                sessions.revoke_all(&subject(name)).await.unwrap();
                "done".to_owned()
            }
            ["bind", wrapped] => {
                let opened = sessions.unlock(wrapped, &pin(PIN), &RequestContext::new()).await.unwrap();
                let bound = sessions.mint_bound(&opened.grant, &()).unwrap();
                format!("{} {}", bound.access_token.as_str(), *bound.request_key.to_text())
            }
            ["copies", session_id, token, key, created, count] => {
                let key = key.parse().unwrap();
                let device = Device { session_id: session_id.parse().unwrap(), token: (*token).to_owned(), key };
                self.copies(device, created.parse().unwrap(), count.parse().unwrap()).await
            }
            ["guess", wrapped, count] => self.guess(wrapped, count.parse().unwrap()).await,
            ["codes", first, count] => {
                let mut sent = Vec::new();
                for number in 0..count.parse::<u64>().unwrap() {
                    let number = first.parse::<u64>().unwrap() + number;
                    let (challenge, code) = self.phones[0].start(&format!("+{number}")).await;
                    sent.push(format!("{challenge}:{code}"));
                }
                sent.join(" ")
            }
            ["submit", submits @ ..] => self.submit(submits).await,
            ["guess_codes", sent, count] => self.guess_codes(sent, count.parse().unwrap()).await,
            other => panic!("{other:?}"),
        }
    }

    /// Submits each code once, all at once. Returns the answers.
    async fn submit(&self, submits: &[&str]) -> String {
        let tries: Vec<_> = submits
            .iter()
            .enumerate()
            .map(|(at, submit)| {
                let phone = self.phones[at % SERVICES].clone();
                let (challenge, code) = submit.split_once(':').unwrap();
                let (challenge, code) = (challenge.to_owned(), code.to_owned());
                tokio::spawn(async move { phone.log_in(&challenge, &code).await })
            })
            .collect();
        let mut answers = Vec::new();
        for tried in tries {
            answers.push(tried.await.unwrap());
        }
        answers.join(" ")
    }

    /// Guesses codes, never the right one, all at once. Returns how many were looked at.
    async fn guess_codes(&self, sent: &str, count: usize) -> String {
        let (challenge, right) = sent.split_once(':').unwrap();
        let wrong = (0..).map(|guess| format!("{guess:06}")).filter(|guess| guess != right);
        let guesses: Vec<_> = wrong
            .take(count)
            .zip(self.phones.iter().cycle().cloned())
            .map(|(guess, phone)| {
                let challenge = challenge.to_owned();
                tokio::spawn(async move { phone.log_in(&challenge, &guess).await })
            })
            .collect();
        let mut looked_at = 0;
        for guess in guesses {
            match guess.await.unwrap() {
                "otp_wrong" => looked_at += 1,
                // More at once than the day has for the recipient: most get theirs back.
                "otp_ended" | "otp_throttled" => {}
                other => panic!("{other}"),
            }
        }
        looked_at.to_string()
    }

    /// The same requests as every other process that is told so, twice each, all at once. Returns how often each was
    /// accepted.
    async fn copies(&self, device: Device, created: u64, count: u64) -> String {
        let device = Arc::new(device);
        let copies: Vec<_> = (0..count * 2)
            .map(|copy| {
                let services = &self.services;
                let sessions = services[usize::try_from(copy).unwrap() % services.len()].clone();
                let device = device.clone();
                tokio::spawn(async move { device.send(&sessions, created, copy / 2).await })
            })
            .collect();
        let mut accepted = vec![0; usize::try_from(count).unwrap()];
        for (copy, outcome) in copies.into_iter().enumerate() {
            match outcome.await.unwrap() {
                "ok" => accepted[copy / 2] += 1,
                "replayed" => {}
                other => panic!("{other}"),
            }
        }
        accepted.into_iter().map(|times| times.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// Guesses all at once. Returns the evaluations of the KDF, and how many heard that guesses are left.
    async fn guess(&self, wrapped: &str, count: usize) -> String {
        let before = self.kdf.evaluations();
        let guesses: Vec<_> = (0..count)
            .map(|guess| {
                let (sessions, wrapped) = (self.services[guess % SERVICES].clone(), wrapped.to_owned());
                tokio::spawn(async move { unlock(&sessions, &wrapped, &format!("{:06}", 100_000 + guess)).await })
            })
            .collect();
        let mut wrong = 0;
        for guess in guesses {
            match guess.await.unwrap() {
                "wrong_pin" => wrong += 1,
                "locked_out" => {}
                other => panic!("{other}"),
            }
        }
        format!("{} {wrong}", self.kdf.evaluations() - before)
    }
}
