//! Opening hours.

use crate::server::*;

/// Of the two halves of the day one is now.
#[tokio::test]
async fn outside_the_hours_no_pin_is_looked_at_and_the_answer_says_when_it_opens() {
    let mut open = 0;
    for hours in ["Mon-Sun 00:00-12:00 UTC", "Mon-Sun 12:00-24:00 UTC"] {
        let server = Server::start_with("memory:", &[("HOURS", hours)]);
        let api = Api::of(&server);
        let wrapped = api.login().await;
        let answer = api.authorize(&wrapped, PIN).await;
        if answer.status == 200 {
            open += 1;
            continue;
        }
        for pin in [WRONG, PIN] {
            let answer = api.authorize(&wrapped, pin).await;
            assert_eq!((answer.status, answer.code()), (403, "outside_hours"), "{answer:?}");
            assert_eq!(answer.body["opens"].as_u64().unwrap() % (12 * 3600), 0, "{answer:?}");
        }
    }
    assert_eq!(open, 1);
}
