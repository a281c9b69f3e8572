//! A situation, and what may happen next.

use std::rc::Rc;

use super::step::{Copy, Left, Step, Tab, Violation};
use super::surroundings::*;
use crate::handout::InClear;
use crate::plain::PresentedToken;
use crate::record::Swap;
use crate::session::SessionState;
use crate::testing::SplitMix;
use crate::time::UnixTime;
use crate::unlock::{Admitted, Proven, Refusal, WrongPin};

#[derive(Clone)]
pub(super) struct World<'a> {
    around: &'a Surroundings,
    session: Option<SessionState>,
    now: UnixTime,
    wraps: u8,
    stored: WrapNumber,
    tabs: Vec<Tab<'a>>,
    copies: Vec<Copy>,
    /// Wrong verdicts, and charges whose verdict was lost, by wrap.
    wrong: [u8; MAX_WRAPS],
    crashed: [u8; MAX_WRAPS],
    /// Whether the thief came with something that was long replaced.
    alarm: bool,
    left: Left,
    course: Vec<Step>,
}

impl<'a> World<'a> {
    pub(super) fn new(around: &'a Surroundings, left: Left) -> Self {
        assert!(usize::from(left.unlocks) < MAX_WRAPS);
        Self {
            around,
            session: Some(around.login().0),
            now: START,
            wraps: 1,
            stored: 0,
            tabs: vec![Tab::Idle; around.tabs],
            copies: Vec::new(),
            wrong: [0; MAX_WRAPS],
            crashed: [0; MAX_WRAPS],
            alarm: false,
            left,
            course: Vec::new(),
        }
    }

    /// All that the future depends on.
    pub(super) fn key(&self) -> Vec<u8> {
        let mut key = self.session.as_ref().map_or_else(Vec::new, SessionState::encode);
        key.extend(self.now.as_millis().to_be_bytes());
        key.extend([self.wraps, self.stored, self.alarm.into()]);
        for tab in &self.tabs {
            match tab {
                Tab::Idle => key.push(0),
                Tab::Sent { wrap } => key.extend([1, *wrap]),
                Tab::Proven { wrap, charge, at, .. } => {
                    key.extend([2, *wrap, *charge]);
                    key.extend(at.as_millis().to_be_bytes());
                }
                Tab::Answered { wrap, next } => key.extend([3, *wrap, *next]),
            }
        }
        key.extend(self.copies.iter().flat_map(|copy| [copy.wrap, copy.remaining_after.unwrap_or(u8::MAX)]));
        key.extend(self.wrong.iter().chain(&self.crashed));
        let Left { unlocks, crashes, losses, copies, whiles } = self.left;
        key.extend([unlocks, crashes, losses, copies, whiles]);
        key
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (at, tab) in self.tabs.iter().enumerate() {
            match tab {
                Tab::Idle if self.left.unlocks > 0 => steps.push(Step::Send(at)),
                Tab::Idle => {}
                Tab::Sent { .. } => steps.push(Step::Arrive(at)),
                Tab::Proven { .. } => {
                    if self.left.unlocks > 0 {
                        steps.push(Step::Finish(at));
                    }
                    if self.left.crashes > 0 {
                        steps.push(Step::Crash(at));
                    }
                }
                Tab::Answered { .. } => {
                    steps.push(Step::Deliver(at));
                    if self.left.losses > 0 {
                        steps.push(Step::Lose(at));
                    }
                }
            }
        }
        if self.left.copies > 0 {
            steps.push(Step::Steal);
        }
        for (at, copy) in self.copies.iter().enumerate() {
            steps.push(if copy.remaining_after.is_some() { Step::Verdict(at) } else { Step::Guess(at) });
        }
        let at_rest = |tab: &Tab<'_>| matches!(tab, Tab::Idle | Tab::Answered { .. });
        if self.left.whiles > 0 && self.tabs.iter().all(at_rest) {
            steps.push(Step::Wait);
        }
        steps
    }

    pub(super) fn after(&self, step: Step) -> Result<Self, Violation> {
        let mut world = self.clone();
        world.course.push(step);
        match step {
            Step::Send(tab) => world.tabs[tab] = Tab::Sent { wrap: world.stored },
            Step::Arrive(tab) => world.arrive(tab)?,
            Step::Finish(tab) => world.finish(tab)?,
            Step::Crash(tab) => {
                let Tab::Proven { wrap, .. } = world.tabs[tab] else { unreachable!("{step:?}") };
                world.crashed[usize::from(wrap)] += 1;
                world.left.crashes -= 1;
                world.tabs[tab] = Tab::Idle;
            }
            Step::Deliver(tab) => {
                let Tab::Answered { wrap, next } = world.tabs[tab] else { unreachable!("{step:?}") };
                if world.stored == wrap || !world.around.keeps_newer {
                    world.stored = next;
                }
                world.tabs[tab] = Tab::Idle;
            }
            Step::Lose(tab) => {
                world.left.losses -= 1;
                world.tabs[tab] = Tab::Idle;
            }
            Step::Steal => {
                world.left.copies -= 1;
                world.copies.push(Copy { wrap: world.stored, remaining_after: None });
            }
            Step::Guess(copy) => world.guess(copy)?,
            Step::Verdict(copy) => world.verdict(copy),
            Step::Wait => {
                world.left.whiles -= 1;
                world.now = world.now.saturating_add(A_WHILE);
            }
        }
        world.the_owner_gets_in()?;
        Ok(world)
    }

    fn violation(&self, what: &'static str) -> Violation {
        Violation { course: self.course.clone(), what }
    }

    /// Charges and judges what is presented, in one step: the verdict depends on nothing else.
    fn present(&mut self, presented: &'a PresentedToken) -> Result<Result<Proven<'a, InClear>, WrongPin>, Refusal> {
        let around = self.around;
        let Some(session) = &self.session else { return Err(Refusal::SessionEnded) };
        let admitted = Admitted::check(presented, session, Some(&around.subject), &around.context(self.now));
        let (attempt, charged) = admitted?.charge().stored(Swap::Replaced).unwrap();
        self.session = Some(charged);
        Ok(attempt.judge_token(&around.keys))
    }

    fn arrive(&mut self, tab: usize) -> Result<(), Violation> {
        let Tab::Sent { wrap } = self.tabs[tab] else { unreachable!("nothing was sent") };
        self.tabs[tab] = match self.present(&self.around.tokens.right[usize::from(wrap)]) {
            Ok(Ok(proven)) => {
                let charge =
                    self.failures(wrap).ok_or_else(|| self.violation("a wrap vanished while it was charged"))?;
                Tab::Proven { wrap, charge, at: self.now, proven: Rc::new(proven) }
            }
            Ok(Err(_)) => return Err(self.violation("a right PIN was called wrong")),
            Err(refusal) => {
                self.refused(wrap, refusal)?;
                Tab::Idle
            }
        };
        Ok(())
    }

    fn finish(&mut self, tab: usize) -> Result<(), Violation> {
        let Tab::Proven { wrap, proven, .. } = self.tabs[tab].clone() else { unreachable!("nothing was proven") };
        let around = self.around;
        let Some(session) = &self.session else {
            self.tabs[tab] = Tab::Idle;
            return Ok(());
        };
        let mut rng = SplitMix(self.wraps.into());
        let rotation = proven.rotate(session, Some(&around.subject), &around.context(self.now), &mut rng);
        self.tabs[tab] = match rotation {
            Ok(rotation) => {
                let (_, next) = rotation.stored(Swap::Replaced).unwrap();
                (self.session, self.left.unlocks, self.wraps) = (Some(next), self.left.unlocks - 1, self.wraps + 1);
                Tab::Answered { wrap, next: self.wraps - 1 }
            }
            Err(refusal) => {
                self.refused(wrap, refusal)?;
                Tab::Idle
            }
        };
        Ok(())
    }

    /// What an honest device may be told.
    fn refused(&mut self, wrap: WrapNumber, refusal: Refusal) -> Result<(), Violation> {
        let unpaid = self.wrong[usize::from(wrap)] + self.crashed[usize::from(wrap)];
        match refusal {
            Refusal::Superseded if self.stored != wrap => Ok(()),
            Refusal::Superseded => Err(self.violation("the stored token is superseded")),
            // The guesses of others, crashes, and right PINs that are in flight: each has its charge. A wait stays when
            // another charge of that moment is taken back.
            Refusal::Throttled { .. } if unpaid + self.in_flight(wrap) > 0 => Ok(()),
            Refusal::LockedOut if unpaid + self.in_flight(wrap) >= GUESSES => Ok(()),
            Refusal::SessionEnded if self.alarm => Ok(()),
            _ => Err(self.violation("a refusal without a reason")),
        }
    }

    /// Charges of a wrap whose verdict is not known yet.
    fn in_flight(&self, wrap: WrapNumber) -> u8 {
        let proven = self.tabs.iter().filter(|tab| matches!(tab, Tab::Proven { wrap: of, .. } if *of == wrap)).count();
        let guessed = self.copies.iter().filter(|copy| copy.wrap == wrap && copy.remaining_after.is_some()).count();
        u8::try_from(proven + guessed).unwrap()
    }

    fn failures(&self, wrap: WrapNumber) -> Option<u8> {
        let handle = self.around.tokens.right[usize::from(wrap)].handle();
        let lock = self.session.as_ref()?.locks.first()?;
        let wraps = core::iter::once(&lock.current).chain(&lock.pending);
        wraps.into_iter().find(|live| live.id.ct_eq(&handle.wrap_id).into()).map(|live| live.attempts.failures)
    }

    fn guess(&mut self, copy: usize) -> Result<(), Violation> {
        let wrap = self.copies[copy].wrap;
        match self.present(&self.around.tokens.wrong[usize::from(wrap)]) {
            Ok(Ok(_)) => return Err(self.violation("a wrong PIN was called right")),
            Ok(Err(wrong)) => {
                self.copies[copy].remaining_after = Some(wrong.attempts_remaining);
                self.wrong[usize::from(wrap)] += 1;
                if self.wrong[usize::from(wrap)] + self.crashed[usize::from(wrap)] > GUESSES {
                    return Err(self.violation("a guess too many"));
                }
            }
            Err(Refusal::Reused) => {
                self.session = None;
                self.alarm = true;
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// What a server does after a wrong PIN.
    fn verdict(&mut self, copy: usize) {
        if self.copies[copy].remaining_after.take() == Some(0)
            && let Some(session) = &mut self.session
        {
            session.forget_exhausted(&self.around.policy);
        }
    }

    /// Sooner or later, with what is stored: if the thief neither used up its budget nor ended the session.
    fn the_owner_gets_in(&self) -> Result<(), Violation> {
        let mut later = self.clone();
        later.now = later.now.saturating_add(A_WHILE);
        later.tabs.fill(Tab::Idle);
        let unpaid = self.wrong[usize::from(self.stored)] + self.crashed[usize::from(self.stored)];
        // A right PIN that is in flight keeps its charge if its server never comes back.
        if self.alarm || unpaid + self.in_flight(self.stored) >= GUESSES {
            return Ok(());
        }
        match later.present(&self.around.tokens.right[usize::from(self.stored)]) {
            Ok(Ok(_)) => Ok(()),
            _ => Err(self.violation("the owner is shut out")),
        }
    }
}
