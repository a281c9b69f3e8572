//! From where a request comes.

use std::net::IpAddr;

use pinlatch::RequestContext;
use pinlatch::criterion::Network;

use crate::{Received, Service};

/// Proxies of one's own, the only ones that are believed when they say where a request comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Vec<Network>);

impl Proxies {
    /// Addresses or networks, with commas between them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split(',').map(|network| network.trim().parse().ok()).collect::<Option<_>>().map(Self)
    }

    /// The last address before these proxies. What stands further to the left may have been written by anybody.
    fn client(&self, connection: IpAddr, received: &Received) -> Option<IpAddr> {
        let forwarded: Vec<_> = received.values("x-forwarded-for").collect();
        let mut client = connection;
        for hop in forwarded.iter().rev().flat_map(|line| line.rsplit(',')) {
            if !self.0.iter().any(|network| network.contains(client)) {
                break;
            }
            client = hop.trim().parse().ok()?;
        }
        Some(client)
    }
}

impl Service {
    /// What is known of a request: its address, from the connection or from the proxy at its other end.
    pub fn context(&self, received: &Received, connection: Option<IpAddr>) -> RequestContext {
        match connection.and_then(|connection| self.0.proxies.client(connection, received)) {
            Some(client) => RequestContext::new().with_ip(client),
            None => RequestContext::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_proxies_of_ones_own_are_believed() {
        let proxies = Proxies::parse("10.0.0.0/8, 192.0.2.1").unwrap();
        let client_of = |connection: &str, forwarded: &[&[u8]]| {
            let lines = forwarded.iter().map(|line| ("x-forwarded-for".to_owned(), line.to_vec())).collect();
            let received = Received::unread("GET", "/", lines);
            proxies.client(connection.parse().unwrap(), &received).map(|ip| ip.to_string()).unwrap_or_default()
        };
        let client = |connection: &str, forwarded: &[&str]| {
            client_of(connection, &forwarded.iter().map(|line| line.as_bytes()).collect::<Vec<_>>())
        };
        assert_eq!(client("198.51.100.7", &[]), "198.51.100.7");
        assert_eq!(client("198.51.100.7", &["203.0.113.1"]), "198.51.100.7", "anybody can write a header");
        assert_eq!(client("192.0.2.1", &["203.0.113.1"]), "203.0.113.1");
        assert_eq!(client("192.0.2.1", &["8.8.8.8, 203.0.113.1,10.1.1.1"]), "203.0.113.1");
        assert_eq!(client("192.0.2.1", &["8.8.8.8", "203.0.113.1", "10.1.1.1"]), "203.0.113.1", "in several lines");
        assert_eq!(client("::ffff:10.0.0.3", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(client("10.0.0.3", &["10.0.0.9"]), "10.0.0.9", "a request of a proxy's");
        assert_eq!(client("10.0.0.3", &["nonsense"]), "", "a proxy that says nothing useful");
        assert_eq!(client("10.0.0.3", &["nonsense, 203.0.113.1"]), "203.0.113.1");
        let garbled = b"203.0.113.1\xff".as_slice();
        assert_eq!(client_of("10.0.0.3", &[garbled]), "", "no text is nonsense, too, and not the address of the proxy");
        assert_eq!(client_of("10.0.0.3", &[b"203.0.113.1", garbled]), "");
        assert_eq!(client_of("10.0.0.3", &[b"\xff, 203.0.113.1"]), "203.0.113.1");
        assert!(Proxies::parse("10.0.0.1/8").is_none() && Proxies::parse("10.0.0.1,").is_none());
    }
}
