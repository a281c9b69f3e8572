//! What every protocol step is given: the keys, the rules, and the time.

use crate::keyring::Keys;
use crate::policy::Policy;
use crate::situation::{LastSeen, Remembered};
use crate::time::UnixTime;

/// The surroundings of a pure step. `now` is read once per step by whoever calls it.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The keys of the tenant.
    pub keys: &'a Keys,
    /// The rules.
    pub policy: &'a Policy,
    /// The present.
    pub now: UnixTime,
    /// From where the request comes.
    pub seen: LastSeen,
    /// What of that the session's record shall keep.
    pub remembered: Remembered,
}
