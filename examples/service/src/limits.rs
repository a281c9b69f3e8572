//! Limits of codes for everybody together, beside those that each recipient has.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota};
use pinlatch::limits::{LimitError, LimitFuture, OtpLimits, OtpRequest};

/// For one process. A host with several keeps such counts where all of them see them.
#[derive(Clone)]
pub(crate) struct Limits(Arc<Counts>);

struct Counts {
    messages: Count,
    guesses: Count,
}

struct Count {
    of_all: DefaultDirectRateLimiter,
    of_address: DefaultKeyedRateLimiter<IpAddr>,
}

/// That many at once, and that many every hour.
const fn per_hour(count: u32) -> Quota {
    Quota::per_hour(NonZeroU32::new(count).expect("written as more than nothing"))
}

impl Count {
    fn new(of_all: Quota, of_address: Quota) -> Self {
        Self {
            of_all: DefaultDirectRateLimiter::direct(of_all),
            of_address: DefaultKeyedRateLimiter::keyed(of_address),
        }
    }

    fn one_more(&self, address: Option<IpAddr>) -> Result<(), LimitError> {
        let wait = |not_until: NotUntil<_>| LimitError::Reached {
            retry_after: not_until.wait_time_from(DefaultClock::default().now()),
        };
        if let Some(ip) = address {
            self.of_address.check_key(&network(ip)).map_err(wait)?;
        }
        self.of_all.check().map_err(wait)
    }
}

/// What one customer of a provider may have: an address of IPv4, 48 bits of IPv6.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 80 << 80).into(),
    }
}

impl Limits {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Counts {
            messages: Count::new(per_hour(1_000), per_hour(30)),
            guesses: Count::new(per_hour(2_000), per_hour(100)),
        }))
    }

    /// Forgets addresses that have all of theirs again.
    pub(crate) fn tidy_up(&self) {
        for count in [&self.0.messages, &self.0.guesses] {
            count.of_address.retain_recent();
        }
    }
}

impl OtpLimits for Limits {
    fn message<'a>(&'a self, request: &'a OtpRequest<'a>) -> LimitFuture<'a> {
        Box::pin(std::future::ready(self.0.messages.one_more(request.context.ip())))
    }

    fn guess<'a>(&'a self, request: &'a OtpRequest<'a>) -> LimitFuture<'a> {
        Box::pin(std::future::ready(self.0.guesses.one_more(request.context.ip())))
    }

    fn right_code(&self, _request: &OtpRequest<'_>) {
        // The right ones are counted like the others; there is room for them.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_takes_no_more_than_its_share_of_all() {
        let counts = Limits::new().0;
        let from = |host: u32| Some(IpAddr::from(std::net::Ipv4Addr::from(0x0A00_0000 + host)));
        let allowed =
            |hosts: std::ops::Range<u32>| hosts.filter(|host| counts.messages.one_more(from(*host)).is_ok()).count();
        let of_one = (0..2_000).filter(|_| counts.messages.one_more(from(0)).is_ok()).count();
        assert_eq!((of_one, allowed(1..2_001)), (30, 970), "all have a thousand, of which the first had thirty");
    }

    #[test]
    fn neighbors_in_a_network_count_as_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8:0:ffff::1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
