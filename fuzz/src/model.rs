//! What a service is to answer, as simply as one can say it.

use std::collections::HashMap;

const GRACE: u64 = 30;
const DAY: u64 = 86_400;
/// Minutes to wait after a wrong PIN, by how many there were; the tenth ends the wrap.
const WAITS: [u64; 10] = [0, 0, 0, 0, 1, 5, 15, 30, 90, 0];

/// A wrap, by when it was handed out.
pub(crate) type Wrap = usize;

#[derive(Default)]
struct Guesses {
    failures: usize,
    throttled_until: u64,
    /// Wrong PINs of the session that were told when the wrap was handed out.
    told: usize,
}

pub(crate) struct Session {
    pub(crate) owner: usize,
    created: u64,
    used: u64,
    changed: u64,
    ended: bool,
    wrong: usize,
    /// The current one, and those that may follow it.
    current: Wrap,
    pending: Vec<Wrap>,
    guesses: HashMap<Wrap, Guesses>,
}

impl Session {
    pub(crate) fn new(owner: usize, first: Wrap, now: u64) -> Self {
        let guesses = HashMap::from([(first, Guesses::default())]);
        let (ended, wrong) = (false, 0);
        Self { owner, created: now, used: now, changed: now, ended, wrong, current: first, pending: vec![], guesses }
    }

    pub(crate) fn is_live(&self, now: u64) -> bool {
        !self.ended && now < self.created + 30 * DAY && now < self.used + 14 * DAY && self.wrong < 100
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The code of the error, or how many wrong PINs there were since the wrap was handed out.
    pub(crate) fn unlock(&mut self, wrap: Wrap, right: bool, next: Wrap, now: u64) -> Result<usize, &'static str> {
        self.prove(wrap, right, now)?;
        if self.pending.len() == 2 {
            self.pending.remove(0);
            self.changed = now;
        }
        self.pending.push(next);
        self.guesses.insert(next, Guesses { told: self.wrong, ..Guesses::default() });
        Ok(self.wrong - self.guesses[&wrap].told)
    }

    pub(crate) fn change_pin(&mut self, wrap: Wrap, right: bool, next: Wrap, now: u64) -> Result<(), &'static str> {
        self.prove(wrap, right, now)?;
        (self.current, self.changed) = (next, now);
        self.pending.clear();
        let told = self.guesses[&wrap].told;
        self.guesses.insert(next, Guesses { told, ..Guesses::default() });
        Ok(())
    }

    fn prove(&mut self, wrap: Wrap, right: bool, now: u64) -> Result<(), &'static str> {
        if !self.is_live(now) {
            return Err("session_ended");
        }
        if self.current != wrap && !self.pending.contains(&wrap) {
            if now <= self.changed + GRACE {
                return Err("superseded");
            }
            self.ended = true;
            return Err("token_reused");
        }
        let guesses = self.guesses.get_mut(&wrap).unwrap();
        if guesses.failures == WAITS.len() {
            return Err("locked_out");
        }
        if now < guesses.throttled_until {
            return Err("throttled");
        }
        if right {
            // A right PIN takes back its own charge, and the wait that this one would have brought.
            guesses.throttled_until = if WAITS[guesses.failures] > 0 { 0 } else { guesses.throttled_until };
            if wrap != self.current {
                (self.current, self.changed) = (wrap, now);
                self.pending.clear();
            }
            self.used = self.used.max(now);
            return Ok(());
        }
        self.wrong += 1;
        let wait = WAITS[guesses.failures] * 60;
        guesses.throttled_until = if wait > 0 { now + wait } else { 0 };
        guesses.failures += 1;
        if self.wrong == 100 {
            self.ended = true;
            return Err("session_ended");
        }
        Err(if guesses.failures == WAITS.len() { "locked_out" } else { "wrong_pin" })
    }
}
