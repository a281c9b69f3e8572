//! What every step is given.

use super::policy::OtpPolicy;
use crate::keyring::Keys;
use crate::time::UnixTime;

/// Keys, rules, and the present, for one step.
#[derive(Clone, Copy, Debug)]
pub struct OtpContext<'a> {
    /// Of the tenant.
    pub keys: &'a Keys,
    /// The rules.
    pub policy: &'a OtpPolicy,
    /// Read once for each decision.
    pub now: UnixTime,
}
