//! What is compared with the database: tokens with their digests, rows with their MACs.

use pinlatch::body::{read_session, session_record};
use pinlatch::context::Context;
use pinlatch::handout::InClear;
use pinlatch::issue::issue;
use pinlatch::plain::PresentedToken;
use pinlatch::record::Swap;
use pinlatch::situation::Remembered;
use pinlatch::subject::SubjectState;
use pinlatch::unlock::Admitted;
use pinlatch::{FullLogin, RequestContext, Subject, Tenant, UnixTime};

use super::{Judge, TwoKinds, changed_at, timed};
use crate::fixtures::{fast, key_ring, system};

/// Wrong tokens up to their verdict, and rows that were edited.
pub fn stored(judge: Judge<'_>) {
    let (keys, policy, now) = (key_ring().keys(&Tenant::default()), fast(), UnixTime::from_secs(1_800_000_000));
    let (subject, seen) = (SubjectState::new(&mut system()), RequestContext::new().seen(now));
    let context = Context { keys: &keys, policy: &policy, now, seen, remembered: Remembered::NOTHING };
    let login = FullLogin::vouched_by_host(Subject::new("alice").unwrap());
    let issued = issue(login, &subject, &InClear::ClientPin, &context, &mut system());

    // Behind the prefix: 55 bytes of handle and tag, and 32 of token. Each other token has a digest all of its own.
    let mut texts = changed_at(issued.device_token.expose_secret(), 5 + 74, 5 + 114);
    judge("digest: one wrong token or another", &mut |kind| {
        let presented = PresentedToken::open(texts.present(kind), &keys).unwrap();
        let charge = Admitted::check(&presented, &issued.state, Some(&subject), &context).unwrap().charge();
        let (attempt, _) = charge.stored(Swap::Replaced).unwrap();
        timed(|| attempt.judge_token(&keys).unwrap_err())
    });

    let record = session_record(&keys, &issued.state, 1, UnixTime::MAX);
    let edited = |from_the_end: usize| {
        let mut record = record.clone();
        let at = record.body.len() - from_the_end;
        record.body[at] ^= 1;
        record
    };
    let mut records = TwoKinds::new(edited(32), edited(1));
    judge("row: the first or the last byte of its MAC", &mut |kind| {
        let record = records.present(kind);
        timed(|| read_session(&keys, record).unwrap_err())
    });
}
