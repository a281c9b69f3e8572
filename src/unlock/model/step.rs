//! Who does what next.

use std::rc::Rc;

use super::surroundings::WrapNumber;
use crate::handout::InClear;
use crate::time::UnixTime;
use crate::unlock::Proven;

#[derive(Clone, Debug)]
pub(super) enum Tab<'a> {
    Idle,
    /// The stored token is on its way.
    Sent {
        wrap: WrapNumber,
    },
    /// The guess was charged and the PIN is right; nobody knows yet.
    Proven {
        wrap: WrapNumber,
        charge: u8,
        at: UnixTime,
        proven: Rc<Proven<'a, InClear>>,
    },
    /// The next token is on its way.
    Answered {
        wrap: WrapNumber,
        next: WrapNumber,
    },
}

/// A copy of what the device once stored, with a guess that may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) wrap: WrapNumber,
    pub(super) remaining_after: Option<u8>,
}

/// How often each may still happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) unlocks: u8,
    pub(super) crashes: u8,
    pub(super) losses: u8,
    pub(super) copies: u8,
    pub(super) whiles: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Send(usize),
    Arrive(usize),
    Finish(usize),
    Crash(usize),
    Deliver(usize),
    Lose(usize),
    Steal,
    Guess(usize),
    Verdict(usize),
    Wait,
}

/// What went wrong, and how it came to that.
#[derive(Debug)]
pub(super) struct Violation {
    #[expect(dead_code, reason = "shown when a test fails")]
    pub(super) course: Vec<Step>,
    pub(super) what: &'static str,
}
