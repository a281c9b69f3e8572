//! Thousands of requests at random: what one side signs the other accepts, and what was changed neither does.

use pinlatch::proof::ProofError;
use pinlatch_peers::Dice;

use crate::message::Message;
use crate::peer::peers;
use crate::server::Server;

const CASES: u64 = 5000;

#[test]
fn what_others_sign_we_accept() {
    let server = Server::new();
    for mut peer in peers() {
        for seed in 0..CASES {
            let mut dice = Dice(seed);
            let mut message = Message::random(&mut dice, &server.token);
            let covered = message.covered(&mut dice);
            peer.sign(&mut dice, &server, &mut message, &covered);
            assert_eq!(server.verify(&message), Ok(()), "{} {seed}: {message:?}", peer.library);
        }
    }
}

#[test]
fn what_we_sign_others_accept() {
    let server = Server::new();
    for mut peer in peers() {
        for seed in 0..CASES {
            let mut message = Message::random(&mut Dice(seed), &server.token);
            server.sign(&mut message);
            let verdict = peer.verify(&server, &message);
            assert_eq!(verdict, Ok(()), "{} {seed}: {message:?}", peer.library);
        }
    }
}

/// What the profile refuses although another library, which has no profile, finds that the signature matches.
const fn is_of_the_profile(error: ProofError) -> bool {
    matches!(
        error,
        ProofError::Malformed
            | ProofError::NotForUs
            | ProofError::Parameter
            | ProofError::NotCovered
            | ProofError::Ambiguous
            | ProofError::BadDigest
    )
}

#[test]
fn what_was_changed_is_judged_alike() {
    let server = Server::new();
    for mut peer in peers() {
        let (mut both, mut neither, mut stricter) = (0, 0, 0);
        for seed in 0..CASES {
            let mut dice = Dice(seed);
            let mut message = Message::random(&mut dice, &server.token);
            let mut covered = message.covered(&mut dice);
            if dice.once_in(5) {
                covered.remove(0);
            }
            peer.sign(&mut dice, &server, &mut message, &covered);
            let message = if dice.once_in(5) { message } else { message.mutated(&mut dice) };
            let (ours, theirs) = (server.verify(&message), peer.verify(&server, &message));
            match (ours, &theirs) {
                (Ok(()), Ok(())) => both += 1,
                (Err(_), Err(_)) => neither += 1,
                (Err(error), Ok(())) if is_of_the_profile(error) => stricter += 1,
                _ => panic!("{} {seed}: {ours:?} {theirs:?} {message:?}", peer.library),
            }
        }
        // Changes of what is not covered, changes of what is, and what only a profile forbids.
        assert!(both > 100 && neither > 1000 && stricter > 100, "{}: {both} {neither} {stricter}", peer.library);
    }
}
