//! Several processes on one store.

use pinlatch::{ClockPolicy, SystemClock};
use pinlatch_store_tests::{GUESSES, PIN, WRONG, times};

use crate::client::{Client, Server};

const PROCESSES: usize = 4;
const GUESSES_EACH: usize = 2500;

/// Ten thousand guesses on one wrapped token, from four processes with sixteen services each: exactly ten evaluations,
/// in every round.
fn race(url: &str) {
    let mut clients: Vec<_> = (0..PROCESSES).map(|_| Client::start(url)).collect();
    for round in 0..times(8, 100) {
        let wrapped = clients[0].ask("login alice").pop().unwrap();
        for client in &mut clients {
            client.tell(&format!("guess {wrapped} {GUESSES_EACH}"));
        }
        let (mut evaluations, mut wrong) = (0, 0);
        for client in &mut clients {
            let counted: Vec<u64> = client.answer().iter().map(|word| word.parse().unwrap()).collect();
            evaluations += counted[0];
            wrong += counted[1];
        }
        assert_eq!((evaluations, wrong), (GUESSES, GUESSES - 1), "round {round}");
        assert_eq!(clients[1].ask(&format!("unlock {wrapped} {PIN}")), ["locked_out"], "round {round}");
    }
}

#[test]
fn ten_thousand_guesses_get_ten_evaluations_over_postgres() {
    race(&Server::postgres().url());
}

#[test]
fn ten_thousand_guesses_get_ten_evaluations_over_redis() {
    race(&Server::redis().url());
}

#[test]
fn ten_thousand_guesses_get_ten_evaluations_over_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    race(&format!("sqlite:{}", directory.path().join("store.db").display()));
}

/// What one process revokes is over for the other with its next call.
fn revoking(server: &Server) {
    let (mut here, mut there) = (Client::start(&server.url()), Client::start(&server.url()));
    for _ in 0..20 {
        let issued = here.ask("login alice");
        let opened = here.ask(&format!("unlock {} {PIN}", issued[1]));
        let other = here.ask("login alice")[1].clone();
        assert_eq!(there.ask(&format!("verify_live {}", opened[2])), ["ok"]);

        assert_eq!(there.ask(&format!("revoke alice {}", issued[0])), ["true"]);
        assert_eq!(here.ask(&format!("verify_live {}", opened[2])), ["invalid_token"]);
        assert_eq!(here.ask(&format!("unlock {} {PIN}", opened[1])), ["session_ended"]);
        assert_eq!(here.ask(&format!("unlock {} {WRONG}", issued[1])), ["session_ended"]);

        assert_eq!(there.ask("revoke_all alice"), ["done"]);
        assert_eq!(here.ask(&format!("unlock {other} {PIN}")), ["session_ended"]);
    }
}

#[test]
fn revoking_is_seen_by_the_other_process_at_once_over_postgres() {
    revoking(&Server::postgres());
}

#[test]
fn revoking_is_seen_by_the_other_process_at_once_over_redis() {
    revoking(&Server::redis());
}

/// One process unlocks without end, the other revokes meanwhile. Nothing opens the session again, whichever answers
/// were still on their way.
fn no_return(server: &Server) {
    let (mut here, mut there) = (Client::start(&server.url()), Client::start(&server.url()));
    for round in 0..100 {
        let issued = here.ask("login alice");
        let mut wraps = vec![issued[1].clone()];
        let revoke = if round % 2 == 0 { format!("revoke alice {}", issued[0]) } else { "revoke_all alice".to_owned() };
        // The revocation falls anywhere into the unlocks that follow each other.
        let mut revoking = false;
        let ended = loop {
            let presented = wraps.last().unwrap().clone();
            here.tell(&format!("unlock {presented} {PIN}"));
            if wraps.len() == 2 + round % 3 && !revoking {
                there.tell(&revoke);
                revoking = true;
            }
            let mut opened = here.answer();
            if opened[0] != "ok" {
                break opened;
            }
            opened.truncate(2);
            wraps.extend(opened.pop());
        };
        assert_eq!(ended, ["session_ended"]);
        there.answer();
        for wrapped in wraps.iter().rev().take(3) {
            for client in [&mut here, &mut there] {
                assert_eq!(client.ask(&format!("unlock {wrapped} {PIN}")), ["session_ended"]);
            }
        }
    }
}

#[test]
fn a_revoked_session_does_not_come_back_over_postgres() {
    no_return(&Server::postgres());
}

#[test]
fn a_revoked_session_does_not_come_back_over_redis() {
    no_return(&Server::redis());
}

const AT_ONCE: usize = 250;

/// Ten thousand signed requests (with `THOROUGH=1` a hundred thousand), each sent eight times at once, to two of the
/// services in each of four processes: accepted exactly once, every one of them.
fn copies(server: &Server) {
    let mut clients: Vec<_> = (0..PROCESSES).map(|_| Client::start(&server.url())).collect();
    for round in 0..times(40, 400) {
        let issued = clients[0].ask("login alice");
        let bound = clients[0].ask(&format!("bind {}", issued[1]));
        let created = SystemClock.now().as_secs();
        for client in &mut clients {
            client.tell(&format!("copies {} {} {} {created} {AT_ONCE}", issued[0], bound[0], bound[1]));
        }
        let mut accepted = vec![0; AT_ONCE];
        for client in &mut clients {
            for (times, heard) in accepted.iter_mut().zip(client.answer()) {
                *times += heard.parse::<u32>().unwrap();
            }
        }
        assert_eq!(accepted, vec![1; AT_ONCE], "round {round}");
    }
}

#[test]
fn of_eight_copies_one_is_accepted_over_postgres() {
    copies(&Server::postgres());
}

#[test]
fn of_eight_copies_one_is_accepted_over_redis() {
    copies(&Server::redis());
}

/// Each challenge takes five tries, from however many at once.
fn guessed_codes(server: &Server) {
    const TRIES: u64 = 5;
    let mut clients: Vec<_> = (0..PROCESSES).map(|_| Client::start(&server.url())).collect();
    for round in 0..10_u64 {
        let sent = clients[0].ask(&format!("codes {} 1", 447_700_900_000 + round)).pop().unwrap();
        for client in &mut clients {
            client.tell(&format!("guess_codes {sent} {GUESSES_EACH}"));
        }
        let looked_at: u64 = clients.iter_mut().map(|client| client.answer()[0].parse::<u64>().unwrap()).sum();
        assert_eq!(looked_at, TRIES, "round {round}");
        assert_eq!(clients[1].ask(&format!("submit {sent}")), ["otp_ended"], "round {round}");
    }
}

#[test]
fn ten_thousand_codes_get_five_looks_over_postgres() {
    guessed_codes(&Server::postgres());
}

#[test]
fn ten_thousand_codes_get_five_looks_over_redis() {
    guessed_codes(&Server::redis());
}

/// Of four right codes at once, from four processes, one logs in: a thousand times.
fn double_submits(server: &Server) {
    let mut clients: Vec<_> = (0..PROCESSES).map(|_| Client::start(&server.url())).collect();
    for round in 0..10_u64 {
        let sent = clients[0].ask(&format!("codes {} 100", 447_700_900_000 + round * 100));
        for client in &mut clients {
            client.tell(&format!("submit {}", sent.join(" ")));
        }
        let mut logins = [0; 100];
        for client in &mut clients {
            for (logins, answer) in logins.iter_mut().zip(client.answer()) {
                match answer.as_str() {
                    "ok" => *logins += 1,
                    "otp_ended" => {}
                    other => panic!("{other}"),
                }
            }
        }
        assert_eq!(logins, [1; 100], "round {round}");
    }
}

#[test]
fn of_four_right_codes_one_logs_in_over_postgres() {
    double_submits(&Server::postgres());
}

#[test]
fn of_four_right_codes_one_logs_in_over_redis() {
    double_submits(&Server::redis());
}
