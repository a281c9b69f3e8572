//! By the client's address.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Criterion, CriterionError};
use crate::permission::Verdict;
use crate::situation::{Remembered, Situation};

/// A network: an address and the length of its prefix, `192.0.2.0/24` or `2001:db8::/32`, or one address.
///
/// A network of IPv4 that is written as one of IPv6 (`::ffff:192.0.2.0/120`) is the same network. Networks of IPv6 hold
/// no addresses of IPv4, not even `::/0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address is one of this network's.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        Self(ip.to_canonical().into())
    }
}

impl core::str::FromStr for Network {
    type Err = CriterionError;

    /// # Errors
    /// [`CriterionError::Network`] for what is none, and for bits beyond the prefix: `192.0.2.1/24` is a mistake.
    fn from_str(text: &str) -> Result<Self, CriterionError> {
        let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
        let ip: IpAddr = ip.parse().map_err(|_| CriterionError::Network)?;
        let network = match prefix {
            None => Some(ip.into()),
            Some(prefix) => prefix_len(prefix).and_then(|len| IpNet::new(ip, len).ok()),
        };
        let network = network.filter(|network| network.addr() == network.network()).ok_or(CriterionError::Network)?;
        let IpNet::V6(v6) = network else { return Ok(Self(network)) };
        match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
            (Some(v4), Some(prefix)) => IpNet::new(v4.into(), prefix).map(Self).map_err(|_| CriterionError::Network),
            _ => Ok(Self(network)),
        }
    }
}

/// A number as one writes it: no sign, no leading zero.
fn prefix_len(text: &str) -> Option<u8> {
    let len: u8 = text.parse().ok()?;
    (len.to_string() == text).then_some(len)
}

impl core::fmt::Display for Network {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// Allows or denies by the client's address. A request without one is not allowed: `network_unknown`.
#[derive(Clone, Debug)]
pub struct Networks {
    /// Disjoint and in order.
    list: Vec<IpNet>,
    allow: bool,
}

impl Networks {
    /// The most networks in a list.
    pub const MAX: usize = 100_000;

    /// Only from these networks; from elsewhere it is denied with `network_not_allowed`.
    ///
    /// # Errors
    /// [`CriterionError::Networks`] for none or more than [`Networks::MAX`].
    pub fn allow(networks: impl IntoIterator<Item = Network>) -> Result<Self, CriterionError> {
        Self::new(networks, true)
    }

    /// Not from these networks; it is denied with `network_denied`.
    ///
    /// # Errors
    /// As [`Networks::allow`].
    pub fn deny(networks: impl IntoIterator<Item = Network>) -> Result<Self, CriterionError> {
        Self::new(networks, false)
    }

    fn new(networks: impl IntoIterator<Item = Network>, allow: bool) -> Result<Self, CriterionError> {
        let list: Vec<IpNet> = networks.into_iter().take(Self::MAX + 1).map(|network| network.0).collect();
        if !(1..=Self::MAX).contains(&list.len()) {
            return Err(CriterionError::Networks);
        }
        let mut list = IpNet::aggregate(&list);
        list.sort_unstable_by_key(IpNet::network);
        Ok(Self { list, allow })
    }

    fn contains(&self, ip: IpAddr) -> bool {
        // The last network that begins at or before the address is the only one that may hold it.
        let after = self.list.partition_point(|network| network.network() <= ip);
        after.checked_sub(1).is_some_and(|at| self.list[at].contains(&ip))
    }
}

impl Criterion for Networks {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        match (situation.request.ip().map(|ip| self.contains(ip)), self.allow) {
            (None, _) => Verdict::Unknown { reason: "network_unknown" },
            (Some(found), allow) if found == allow => Verdict::ALLOW,
            (Some(_), true) => Verdict::Deny { reason: "network_not_allowed", retry_at: None },
            (Some(_), false) => Verdict::Deny { reason: "network_denied", retry_at: None },
        }
    }

    fn remembers(&self) -> Remembered {
        Remembered::NOTHING
    }
}
