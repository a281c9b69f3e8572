//! Every course that a device with tabs, a thief with a copy, crashes, lost answers and time can take, within bounds.
//!
//! The steps are those that servers take; the store is a variable, and each swap is one step, as stores promise. A
//! request reaches its verdict within the grace period. Wraps are numbered as they are made, so that courses which come
//! to the same are explored once.

mod step;
mod surroundings;
mod world;

use std::collections::HashSet;

use self::step::{Left, Violation};
use self::surroundings::Surroundings;
use self::world::World;

/// How many situations there are, or the first in which something is wrong.
fn explore(tabs: usize, keeps_newer: bool, left: Left) -> Result<usize, Violation> {
    let around = Surroundings::new(tabs, keeps_newer).foresee();
    let first = World::new(&around, left);
    let (mut seen, mut open) = (HashSet::from([first.key()]), vec![first]);
    while let Some(world) = open.pop() {
        for step in world.steps() {
            let next = world.after(step)?;
            if seen.insert(next.key()) {
                open.push(next);
            }
        }
    }
    Ok(seen.len())
}

/// One unlock after the other, whatever gets lost.
#[test]
fn a_device_that_unlocks_in_turns_is_never_shut_out_and_a_thief_gets_no_guess_too_many() {
    let left = Left { unlocks: 4, crashes: 2, losses: 3, copies: 2, whiles: 2 };
    let situations = explore(1, true, left).unwrap();
    assert!(situations > 10_000, "{situations}");
}

/// Two at once, as long as every answer arrives.
#[test]
fn two_tabs_are_never_shut_out_and_a_thief_gets_no_guess_too_many() {
    let left = Left { unlocks: 4, crashes: 2, losses: 0, copies: 1, whiles: 2 };
    let situations = explore(2, true, left).unwrap();
    assert!(situations > 10_000, "{situations}");
}

/// The limits that clients are told of. That the model finds them shows that it looks.
#[test]
fn the_limits_are_where_they_are_said_to_be() {
    let left = Left { unlocks: 4, crashes: 0, losses: 0, copies: 0, whiles: 1 };
    let late_answers_overwrite = explore(2, false, left).unwrap_err();
    let three_at_once = explore(3, true, left).unwrap_err();
    let two_at_once_and_a_lost_answer = explore(2, true, Left { losses: 1, ..left }).unwrap_err();
    for violation in [late_answers_overwrite, three_at_once, two_at_once_and_a_lost_answer] {
        assert!(["the owner is shut out", "the stored token is superseded"].contains(&violation.what), "{violation:?}");
    }
}
