//! One-time codes, from the number that is entered to the session that begins.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pinlatch::id::{OtpPurpose, Recipient};
use pinlatch::observer::Event;
use pinlatch::otp::{ChallengeRefused, OtpPolicy, Resend, SmsTemplate};
use pinlatch::stores::MemoryStore;
use pinlatch::{OtpError, RequestContext};

use crate::phone::*;
use crate::world::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_code_begins_a_session_as_a_password_does() {
    on_each_store(|_, store| async move {
        let phone = Phone::of(World::on(store, policy(), key_ring(1), ""), |builder| builder);
        let challenge = phone.start().await;
        let code = phone.gateway.code();
        assert!(phone.gateway.sent.lock().unwrap()[0].1.starts_with(&format!("{code} is your code")));
        assert_eq!(phone.answer(&challenge, &other_than(&code)).await, "otp_wrong");
        let login = phone.log_in(&challenge, &code).await.unwrap();
        assert_eq!(login.subject().as_str(), "alice");
        let issued = phone.world.sessions.login(login, pin(PIN)).await.unwrap();
        assert_eq!(phone.world.code(issued.device_token.as_str(), PIN).await, "ok");
        assert_eq!(phone.answer(&challenge, &code).await, "otp_ended", "it is good for once");
    })
    .await;
}

#[tokio::test]
async fn what_a_client_is_told_is_true() {
    let policy = OtpPolicy::builder(6).hint(true).build().unwrap();
    let phone = Phone::with(policy.clone());
    assert_eq!(phone.codes.policy(), &policy);
    let pending = phone.begin(ALICE, Some("alice")).await.unwrap();
    assert_eq!((pending.digits, pending.expires_in), (6, Duration::from_secs(300)));
    assert_eq!(pending.resend_after, Duration::from_secs(60));
    let (hint, challenge) = (pending.hint.unwrap(), pending.challenge.to_text().to_string());
    assert_eq!(challenge.len(), 48);
    pending.delivery.run().await.unwrap();
    let code = phone.gateway.code();
    assert!(phone.gateway.sent.lock().unwrap()[0].1.starts_with(&format!("{hint}-{code} is")));

    phone.world.clock.advance(Duration::from_secs(59));
    phone.world.events.take();
    let early = phone.codes.resend(&challenge, &RequestContext::new()).await;
    assert!(matches!(early, Err(OtpError::Throttled { retry_after }) if retry_after == Duration::from_secs(1)));
    let events = phone.world.events.take();
    assert!(matches!(events[..], [Event::MessageThrottled { challenge_id: Some(_), .. }]), "{events:?}");
    assert!(matches!(phone.log_in(&challenge, &code[1..]).await, Err(OtpError::Refused(ChallengeRefused::NotACode))));
    phone.world.clock.advance(Duration::from_secs(1));
    let again = phone.codes.resend(&challenge, &RequestContext::new()).await.unwrap();
    assert_ne!(again.hint.unwrap(), hint);
    assert_eq!((again.resend_after, again.expires_in), (Duration::from_secs(120), Duration::from_secs(240)));
    assert_eq!(*again.challenge.to_text(), challenge);
    again.delivery.run().await.unwrap();
    assert_eq!(phone.gateway.code(), code, "the same code, in case both arrive");
    assert_eq!(phone.answer(&challenge, &code).await, "ok");
}

#[tokio::test]
async fn a_fresh_code_makes_the_old_one_void() {
    let phone = Phone::with(OtpPolicy::builder(6).resend(Resend::FreshCode).build().unwrap());
    let challenge = phone.start().await;
    let old = phone.gateway.code();
    phone.world.clock.advance(Duration::from_secs(60));
    phone.codes.resend(&challenge, &RequestContext::new()).await.unwrap().delivery.run().await.unwrap();
    let fresh = phone.gateway.code();
    assert_ne!(old, fresh);
    assert_eq!(phone.answer(&challenge, &old).await, "otp_wrong");
    assert_eq!(phone.answer(&challenge, &fresh).await, "ok");
}

/// A number that nobody has: the same answers, after the same work of the store.
#[tokio::test]
async fn nobody_is_answered_as_somebody_is() {
    let phone = Phone::new();
    let mut seen = Vec::new();
    for (number, name) in [(ALICE, Some("alice")), (NOBODY, None)] {
        let before = phone.world.store.calls();
        let pending = phone.begin(number, name).await.unwrap();
        let of_start = phone.world.store.calls() - before;
        let told = (pending.hint, pending.digits, pending.resend_after, pending.expires_in);
        let challenge = pending.challenge.to_text().to_string();
        pending.delivery.run().await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..6 {
            let before = phone.world.store.calls();
            let answer = match phone.log_in(&challenge, "482913").await {
                Err(OtpError::WrongCode { tries_remaining }) => format!("{tries_remaining}"),
                other => word(&other).to_owned(),
            };
            answers.push((answer, phone.world.store.calls() - before));
        }
        let throttled = phone.begin(number, name).await.map(drop).unwrap_err();
        seen.push((of_start, told, answers, throttled.code(), throttled.retry_after()));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(phone.gateway.count(), 1, "but there is one message");
}

/// Every code is wrong for a number that nobody has, also the one that would be in the message.
#[tokio::test]
async fn no_code_leads_to_nobody() {
    let phone = Phone::with(OtpPolicy::builder(4).build().unwrap());
    for tried in 0..100 {
        phone.world.clock.advance(Duration::from_secs(600));
        let Ok(pending) = phone.begin(&format!("+4477009{tried:05}"), None).await else { panic!("{tried}") };
        let challenge = pending.challenge.to_text().to_string();
        for code in ["0000", "1234", "9999"] {
            assert_eq!(phone.answer(&challenge, code).await, "otp_wrong");
        }
    }
}

/// Ten thousand wrong codes at once, for one challenge and from four services on each store: five are looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_guesses_get_five_looks() {
    on_each_store(|name, store| async move {
        let phones: Vec<_> = (0..4)
            .map(|_| Phone::of(World::on(store.clone(), policy(), key_ring(1), ""), |builder| builder))
            .map(Arc::new)
            .collect();
        let challenge = phones[0].start().await;
        let code = phones[0].gateway.code();
        let room = room();
        let guesses: Vec<_> = (0..10_000)
            .map(|guess| {
                let (phone, challenge, room) = (phones[guess % 4].clone(), challenge.clone(), room.clone());
                let wrong = if code == format!("{guess:06}") { "999999".to_owned() } else { format!("{guess:06}") };
                tokio::spawn(async move {
                    let _place = room.acquire().await.unwrap();
                    phone.answer(&challenge, &wrong).await
                })
            })
            .collect();
        let mut wrong = 0;
        for guess in guesses {
            match guess.await.unwrap() {
                "otp_wrong" => wrong += 1,
                "otp_ended" => {}
                other => panic!("{name}: {other}"),
            }
        }
        let looks: usize = phones.iter().map(|phone| phone.compared()).sum();
        assert_eq!((wrong, looks), (5, 5), "{name}");
        assert_eq!(phones[1].answer(&challenge, &code).await, "otp_ended", "{name}");
        // The others cost the recipient nothing: 15 of the day's 20 are left.
        for round in 1..=3 {
            phones[0].world.clock.advance(Duration::from_secs(600));
            phones[1].world.clock.advance(Duration::from_secs(600));
            let challenge = phones[0].start().await;
            let wrong = other_than(&phones[0].gateway.code());
            for _ in 0..5 {
                assert_eq!(phones[1].answer(&challenge, &wrong).await, "otp_wrong", "{name} {round}");
            }
        }
        phones[0].world.clock.advance(Duration::from_secs(3600));
        phones[1].world.clock.advance(Duration::from_secs(3600));
        let challenge = phones[0].start().await;
        assert_eq!(phones[1].answer(&challenge, &phones[0].gateway.code()).await, "otp_throttled", "{name}");
    })
    .await;
}

/// The right code twice at once, on two services: one login, a thousand times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_submit_logs_in_once() {
    on_each_store(|name, store| async move {
        let two: Vec<_> = (0..2)
            .map(|_| Phone::of(World::on(store.clone(), policy(), key_ring(1), ""), |builder| builder))
            .map(Arc::new)
            .collect();
        for round in 0..1_000 {
            let pending = two[0].begin(&format!("+4477{round:08}"), Some("alice")).await.unwrap();
            let challenge = pending.challenge.to_text().to_string();
            pending.delivery.run().await.unwrap();
            let code = two[0].gateway.code();
            let submits = [0, 1].map(|at: usize| {
                let (phone, challenge, code) = (two[at].clone(), challenge.clone(), code.clone());
                tokio::spawn(async move { phone.answer(&challenge, &code).await })
            });
            let mut answers = Vec::new();
            for submit in submits {
                answers.push(submit.await.unwrap());
            }
            answers.sort_unstable();
            assert_eq!(answers, ["ok", "otp_ended"], "{name} {round}");
        }
    })
    .await;
}

/// A message that could not be sent is one more in the day, and changes nothing that a stranger could see: nobody's
/// number is answered alike.
#[tokio::test]
async fn a_gateway_that_fails_tells_nothing() {
    let phone = Phone::new();
    phone.gateway.fails.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        let mut seen = Vec::new();
        for (number, name) in [(ALICE, Some("alice")), (NOBODY, None)] {
            let pending = phone.begin(number, name).await.unwrap();
            seen.push(pending.resend_after);
            match (name, pending.delivery.run().await) {
                (None, sent) => sent.unwrap(),
                (_, sent) => {
                    let failed = sent.unwrap_err();
                    assert!(std::error::Error::source(&failed).unwrap().to_string().contains("CANARY-GATEWAY"));
                }
            }
            let at_once = phone.begin(number, name).await.map(drop).unwrap_err();
            assert_eq!((at_once.code(), at_once.retry_after()), ("otp_throttled", Some(seen[0])));
        }
        assert_eq!(seen[0], seen[1]);
        phone.world.clock.advance(seen[0]);
    }
    let events = phone.world.events.take();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::CodeNotSent { .. })).count(), 5);
    phone.gateway.fails.store(false, Ordering::SeqCst);
    phone.start().await;
    assert!(matches!(phone.world.events.take()[..], [Event::CodeSent { .. }]));
    // Five failures and one message in: the day has nine more.
    for _ in 0..9 {
        let wait = phone.begin(ALICE, Some("alice")).await.map(drop).unwrap_err().retry_after().unwrap();
        assert!(wait <= Duration::from_secs(3600));
        phone.world.clock.advance(wait);
        phone.start().await;
    }
    let wait = phone.begin(ALICE, Some("alice")).await.map(drop).unwrap_err().retry_after().unwrap();
    assert!(wait > Duration::from_secs(3600), "{wait:?}");
}

#[tokio::test]
async fn a_challenge_that_could_not_be_stored_costs_no_message() {
    let phone = Phone::new();
    // The first write counts the message, the second is the challenge.
    let store = phone.world.store.clone();
    phone.world.store.before_write(1, async move { store.set_fault(Fault::RefuseNextWrite) });
    assert_eq!(word(&phone.begin(ALICE, Some("alice")).await), "unavailable");
    phone.world.clock.advance(Duration::from_secs(60));
    assert!(phone.begin(ALICE, Some("alice")).await.is_ok());
}

#[tokio::test]
async fn limits_of_the_host_are_asked_when_there_is_something_to_charge() {
    let phone = Phone::new();
    let challenge = phone.start().await;
    assert_eq!(phone.limits.counts(), (1, 0, 0));
    assert!(phone.begin(ALICE, Some("alice")).await.is_err());
    assert_eq!(phone.limits.counts(), (1, 0, 0), "a throttled recipient spends nothing of the others'");
    let code = phone.gateway.code();
    assert_eq!(phone.answer(&challenge, &other_than(&code)).await, "otp_wrong");
    assert_eq!(phone.limits.counts(), (1, 1, 0));

    for (switch, expected, wait) in
        [(&phone.limits.reached, "otp_throttled", 77), (&phone.limits.down, "unavailable", 2)]
    {
        switch.store(true, Ordering::SeqCst);
        let refused = phone.begin(NOBODY, None).await.map(drop).unwrap_err();
        assert_eq!((refused.code(), refused.retry_after()), (expected, Some(Duration::from_secs(wait))));
        phone.world.events.take();
        for _ in 0..30 {
            assert_eq!(phone.answer(&challenge, &code).await, expected, "not even the right one is looked at");
        }
        assert_eq!(phone.compared(), 0);
        switch.store(false, Ordering::SeqCst);
    }
    assert!(phone.begin(NOBODY, None).await.is_ok(), "what was refused was not counted");
    assert_eq!(phone.answer(&challenge, &code).await, "ok", "nor charged");
    assert_eq!(phone.limits.counts().2, 1);
    let guesses = phone.limits.counts().1;
    assert_eq!(phone.answer(&challenge, &code).await, "otp_ended");
    assert_eq!(phone.answer("plo1_nonsense", &code).await, "otp_ended");
    assert_eq!(phone.limits.counts().1, guesses, "what takes no code asks for no limit");
}

#[tokio::test]
async fn strangers_are_refused_after_one_look_into_the_store() {
    let phone = Phone::new();
    let challenge = phone.start().await;
    let code = phone.gateway.code();
    let elsewhere = Phone::new().start().await;
    let mut forged = challenge.clone();
    forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
    for (handle, calls) in [("", 0), ("plo1_x", 0), (&challenge[..47], 0), (&elsewhere, 1), (&forged, 1)] {
        let before = phone.world.store.calls();
        assert_eq!(phone.answer(handle, &code).await, "otp_ended", "{handle}");
        assert_eq!(word(&phone.codes.resend(handle, &RequestContext::new()).await), "otp_ended");
        assert_eq!(phone.world.store.calls() - before, 2 * calls, "{handle}");
    }
    let other = OtpPurpose::new("change-number").unwrap();
    let checked = phone.codes.check(&other, &challenge, &typed(&code), &RequestContext::new()).await;
    assert_eq!(word(&checked), "otp_ended");
    assert_eq!((phone.compared(), phone.limits.counts().1), (0, 0));
    assert_eq!(phone.answer(&challenge, &code).await, "ok");
}

/// A code for something else than a login begins no session, and says what it proves.
#[tokio::test]
async fn a_code_is_for_one_purpose() {
    let phone = Phone::new();
    let purpose = OtpPurpose::new("change-number").unwrap();
    let recipient = Recipient::phone(ALICE).unwrap();
    let pending = phone.codes.start(&purpose, recipient, Some(subject("alice")), &RequestContext::new()).await.unwrap();
    let challenge = pending.challenge.to_text().to_string();
    pending.delivery.run().await.unwrap();
    let code = phone.gateway.code();
    assert_eq!(phone.answer(&challenge, &code).await, "otp_ended");
    let proven = phone.codes.check(&purpose, &challenge, &typed(&code), &RequestContext::new()).await.unwrap();
    assert_eq!((proven.recipient().as_str(), proven.subject().as_str()), (ALICE, "alice"));
    assert_eq!(proven.purpose(), &purpose);
    assert!(proven.into_login().is_none());
}

/// Whatever the store fails at, no code is looked at twice for one charge, and a right one is good for at most once.
#[tokio::test]
async fn a_store_that_fails_gives_nothing_away() {
    for fault in [Fault::RefuseNextWrite, Fault::LoseNextAnswer] {
        // Writes: the recipient's charge, the challenge's, using it up, taking the charge back.
        for (write, expected, then) in [
            (0, "unavailable", "ok"),
            (1, "unavailable", "ok"),
            (2, "unavailable", if fault == Fault::LoseNextAnswer { "otp_ended" } else { "ok" }),
            (3, "ok", "otp_ended"),
        ] {
            let phone = Phone::new();
            let challenge = phone.start().await;
            let code = phone.gateway.code();
            let store = phone.world.store.clone();
            phone.world.store.before_write(write, async move { store.set_fault(fault) });
            phone.world.events.take();
            assert_eq!(phone.answer(&challenge, &code).await, expected, "{fault:?} {write}");
            let kept = phone.world.events.take().iter().any(|event| matches!(event, Event::ChargeKept { .. }));
            assert_eq!(kept, write == 3, "{fault:?} {write}");
            assert_eq!(phone.answer(&challenge, &code).await, then, "{fault:?} {write}");
        }
    }
    let phone = Phone::new();
    let challenge = phone.start().await;
    let code = phone.gateway.code();
    phone.world.store.set_fault(Fault::Down);
    assert_eq!(phone.answer(&challenge, &code).await, "unavailable");
    assert_eq!(word(&phone.begin(ALICE, Some("alice")).await), "unavailable");
    assert_eq!(word(&phone.codes.resend(&challenge, &RequestContext::new()).await), "unavailable");
}

/// Wrong codes that are cut off anywhere stay within the five.
#[tokio::test]
async fn cut_off_guesses_stay_charged() {
    let phone = Phone::new();
    let challenge = phone.start().await;
    let wrong = other_than(&phone.gateway.code());
    for polls in 1..200 {
        cancel_after(polls % 20, phone.answer(&challenge, &wrong)).await;
    }
    assert!(phone.compared() <= 5);
    assert_ne!(phone.answer(&challenge, &phone.gateway.code()).await, "ok");
}

/// Nobody waits behind a request that was dropped.
#[tokio::test]
async fn a_request_that_was_dropped_leaves_its_place() {
    let phone = Phone::new();
    let challenge = phone.start().await;
    let code = phone.gateway.code();
    cancel_after(1, phone.answer(&challenge, &other_than(&code))).await;
    assert_eq!(phone.answer(&challenge, &code).await, "ok");
}

/// Used up by another server while this one compared, with the resend of a fresh code in between, or throttled.
#[tokio::test]
async fn what_changes_meanwhile_counts() {
    // Somebody else's right code gets there first.
    let phone = Arc::new(Phone::new());
    let challenge = phone.start().await;
    let code = phone.gateway.code();
    let other = Phone::of(World::on(phone.world.store.clone(), policy(), key_ring(1), ""), |builder| builder);
    let (first, right) = (challenge.clone(), code.clone());
    phone.world.store.before_write(2, async move { assert_eq!(other.answer(&first, &right).await, "ok") });
    assert_eq!(phone.answer(&challenge, &code).await, "otp_ended");

    // Five wrong ones elsewhere, between the look at the challenge and its charge.
    let phone = Phone::new();
    let challenge = phone.start().await;
    let code = phone.gateway.code();
    let other = Phone::of(World::on(phone.world.store.clone(), policy(), key_ring(1), ""), |builder| builder);
    let (first, wrong) = (challenge.clone(), other_than(&code));
    phone.world.store.before_write(1, async move {
        for _ in 0..5 {
            assert_eq!(other.answer(&first, &wrong).await, "otp_wrong");
        }
    });
    phone.world.events.take();
    assert_eq!(phone.answer(&challenge, &code).await, "otp_ended");
    assert_eq!(phone.compared(), 0);
}

fn beside(phone: &Phone, rules: &OtpPolicy) -> Phone {
    let world = World::on(phone.world.store.clone(), policy(), key_ring(1), "");
    Phone::of(world, |builder| builder.policy(rules.clone()))
}

#[tokio::test]
async fn two_first_messages_at_once_are_one() {
    let phone = Phone::new();
    let other = beside(&phone, &OtpPolicy::default());
    phone.world.store.before_write(0, async move { drop(other.begin(ALICE, Some("alice")).await.unwrap()) });
    assert_eq!(word(&phone.begin(ALICE, Some("alice")).await), "otp_throttled");
}

#[tokio::test]
async fn a_resend_that_comes_too_late_sends_nothing() {
    for resend in [Resend::SameCode, Resend::FreshCode] {
        let rules = OtpPolicy::builder(6).resend(resend).build().unwrap();
        let phone = Phone::with(rules.clone());
        let challenge = phone.start().await;
        let code = phone.gateway.code();
        phone.world.clock.advance(Duration::from_secs(60));
        let other = beside(&phone, &rules);
        other.world.clock.advance(Duration::from_secs(60));
        let used = challenge.clone();
        phone.world.store.before_write(0, async move { assert_eq!(other.answer(&used, &code).await, "ok") });
        let late = phone.codes.resend(&challenge, &RequestContext::new()).await;
        assert_eq!(word(&late), "otp_ended");
    }
}

#[tokio::test]
async fn a_fresh_code_is_stored_before_it_is_sent() {
    let rules = OtpPolicy::builder(6).resend(Resend::FreshCode).build().unwrap();
    let phone = Phone::with(rules.clone());
    let challenge = phone.start().await;
    let wrong = other_than(&phone.gateway.code());
    phone.world.clock.advance(Duration::from_secs(60));
    let other = beside(&phone, &rules);
    other.world.clock.advance(Duration::from_secs(60));
    let tried = challenge.clone();
    // The first write counts the message, the second is the challenge's.
    phone.world.store.before_write(1, async move { assert_eq!(other.answer(&tried, &wrong).await, "otp_wrong") });
    phone.codes.resend(&challenge, &RequestContext::new()).await.unwrap().delivery.run().await.unwrap();
    assert_eq!(phone.answer(&challenge, &phone.gateway.code()).await, "ok");
}

#[tokio::test]
async fn what_the_host_says_and_is_told() {
    let phone = Phone::new();
    let pending = phone.begin(ALICE, Some("alice")).await.unwrap();
    let challenge = pending.challenge.to_text().to_string();
    let delivery = pending.delivery;
    assert_eq!((delivery.recipient().as_str(), delivery.subject().unwrap().as_str()), (ALICE, "alice"));
    assert_eq!(delivery.purpose(), &OtpPurpose::login());
    let german = SmsTemplate::new("{code} ist Ihr Code.", "example.com").unwrap();
    delivery.with_template(german).run().await.unwrap();
    assert!(phone.gateway.sent.lock().unwrap()[0].1.contains("ist Ihr Code"));
    phone.limits.reached.store(true, Ordering::SeqCst);
    phone.world.events.take();
    assert_eq!(phone.answer(&challenge, "482913").await, "otp_throttled");
    assert!(matches!(phone.world.events.take()[..], [Event::CodeThrottled { .. }]));
    phone.limits.reached.store(false, Ordering::SeqCst);
    let request = RequestContext::new().with_ip("192.0.2.7".parse().unwrap());
    let login = phone.codes.log_in(&challenge, &typed(&phone.gateway.code()), &request).await.unwrap();
    assert_eq!(login.request(), &request);
}

/// Who knows the name of a challenge and nothing else does not stand in its holder's way.
#[tokio::test]
async fn a_forged_request_that_hangs_keeps_nobody_waiting() {
    let phone = Arc::new(Phone::new());
    let challenge = phone.start().await;
    let code = phone.gateway.code();
    let mut forged = challenge.clone();
    forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
    phone.world.store.before_read(0, std::future::pending());
    let (other, handle) = (phone.clone(), forged);
    let stuck = tokio::spawn(async move { other.answer(&handle, "482913").await });
    tokio::task::yield_now().await;
    assert_eq!(phone.answer(&challenge, &code).await, "ok");
    stuck.abort();
}

#[tokio::test]
async fn peppers_follow_each_other() {
    let store = Arc::new(MemoryStore::default());
    let before = Phone::of(World::on(store.clone(), policy(), key_ring(1), ""), |builder| builder);
    let challenge = before.start().await;
    let code = before.gateway.code();
    assert_eq!(before.answer(&challenge, &other_than(&code)).await, "otp_wrong");
    let both = key_ring(2).with_open_only(pepper(1)).unwrap();
    let after = Phone::of(World::on(store.clone(), policy(), both, ""), |builder| builder);
    assert!(matches!(
        after.log_in(&challenge, &other_than(&code)).await,
        Err(OtpError::WrongCode { tries_remaining: 3 })
    ));
    assert_eq!(after.answer(&challenge, &code).await, "ok", "the code is still of the old pepper");
    // A server that knows the new pepper not yet overwrites nothing.
    assert_eq!(word(&before.begin(ALICE, Some("alice")).await), "unavailable");
    let only_new = Phone::of(World::on(store, policy(), key_ring(3), ""), |builder| builder);
    let challenge = before.codes.resend(&challenge, &RequestContext::new()).await;
    assert_eq!(word(&challenge), "unavailable");
    assert!(only_new.begin("+447700900124", None).await.is_ok());
}

#[tokio::test]
async fn tenants_do_not_know_each_other() {
    let store = Arc::new(MemoryStore::default());
    let ours = Phone::of(World::on(store.clone(), policy(), key_ring(1), "acme"), |builder| builder);
    let theirs = Phone::of(World::on(store, policy(), key_ring(1), "umbrella"), |builder| builder);
    let challenge = ours.start().await;
    assert_eq!(theirs.answer(&challenge, &ours.gateway.code()).await, "otp_ended");
    assert!(theirs.begin(ALICE, Some("alice")).await.is_ok(), "nor each other's messages");
    assert_eq!(ours.answer(&challenge, &ours.gateway.code()).await, "ok");
}

/// Neither code nor handle stands anywhere but in the message and in the client's hands; no number stands in an event.
#[tokio::test]
async fn nothing_that_may_be_logged_has_a_code() {
    let phone = Phone::new();
    let pending = phone.begin(ALICE, Some("alice")).await.unwrap();
    let mut said = format!("{pending:?}");
    let challenge = pending.challenge.to_text().to_string();
    let holder = &challenge[27..];
    pending.delivery.run().await.unwrap();
    let code = phone.gateway.code();
    for tried in [other_than(&code), code.clone()] {
        said += &format!("{:?}", phone.log_in(&challenge, &tried).await);
    }
    said += &format!("{:?} {:?}", phone.world.events.take(), phone.codes);
    assert!(!said.contains(&code) && !said.contains(holder) && !said.contains(ALICE), "{said}");
    assert!(said.contains("[redacted]") && said.contains("RightCode"), "{said}");
}

/// The wait that a client is told is one after which it goes on.
#[tokio::test]
async fn waits_end_when_they_say() {
    let phone = Phone::new();
    let mut challenge = phone.start().await;
    for _ in 0..20 {
        let (code, tries) = (phone.gateway.code(), phone.codes.policy().tries());
        for _ in 0..tries {
            phone.log_in(&challenge, &other_than(&code)).await.unwrap_err();
        }
        let waiting = phone.begin(ALICE, Some("alice")).await.map(drop).unwrap_err();
        let Some(wait) = waiting.retry_after() else { panic!("{waiting}") };
        assert!(wait <= DAY);
        phone.world.clock.advance(wait.checked_sub(Duration::from_millis(1)).unwrap());
        assert_eq!(word(&phone.begin(ALICE, Some("alice")).await), "otp_throttled");
        phone.world.clock.advance(Duration::from_millis(1));
        challenge = phone.start().await;
    }
    let guess = phone.log_in(&challenge, &other_than(&phone.gateway.code())).await.unwrap_err();
    assert!(matches!(guess, OtpError::Throttled { .. } | OtpError::WrongCode { .. }));
}
