//! Criteria by themselves, each against a second opinion.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use pinlatch::criterion::{All, CriterionError, Geofence, Network, Networks, Travel, all, any, not};
use pinlatch::permission::Verdict;
use pinlatch::situation::{Position, Remembered, Situation};
use pinlatch::{Criterion, RequestContext, Subject, UnixTime};
use proptest::prelude::*;

#[path = "criteria/places.rs"]
mod places;

/// Asks about a request at an instant, by a session that was never used before.
fn ask_at(criterion: &dyn Criterion, request: &RequestContext, now: u64) -> Verdict {
    let subject = Subject::new("alice").unwrap();
    criterion.check(&Situation::new(UnixTime::from_secs(now), &subject, request))
}

fn ask(criterion: &dyn Criterion, request: &RequestContext) -> Verdict {
    ask_at(criterion, request, 0)
}

fn from_ip(ip: IpAddr) -> RequestContext {
    RequestContext::new().with_ip(ip)
}

fn network(text: &str) -> Result<Network, CriterionError> {
    text.parse()
}

#[test]
fn networks_are_written_in_one_way() {
    for (text, shown) in [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8:0::1", "2001:db8::1/128"),
        ("::/0", "::/0"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
    ] {
        assert_eq!(network(text).unwrap().to_string(), shown, "{text}");
    }
    for wrong in [
        "",
        "x",
        "192.0.2.1/24",
        "192.0.2.0/33",
        "192.0.2.0/-1",
        "192.0.2.0/",
        "192.0.2.0/24/1",
        "192.0.2/24",
        "192.0.2.0/024",
        "192.0.2.00/24",
        "192.0.2.0 /24",
        " 192.0.2.0/24",
        "2001:db8::1/32",
        "2001:db8::/129",
        "::ffff:192.0.2.1/120",
        "300.0.0.0/8",
        "fe80::1%eth0",
        "192.0.2.0/255.255.255.0",
    ] {
        assert_eq!(network(wrong), Err(CriterionError::Network), "{wrong}");
    }
}

#[test]
fn an_address_alone_is_a_network_of_its_kind() {
    let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
    let list = Networks::allow([Network::from(mapped)]).unwrap();
    assert_eq!(ask(&list, &from_ip("192.0.2.7".parse().unwrap())), Verdict::ALLOW);
    // All of IPv6 is nothing of IPv4.
    let all_of_6 = Networks::deny([network("::/0").unwrap()]).unwrap();
    assert_eq!(ask(&all_of_6, &from_ip(mapped)), Verdict::ALLOW);
}

#[test]
fn a_list_of_networks_has_some() {
    assert_eq!(Networks::allow([]).unwrap_err(), CriterionError::Networks);
    let many = (0..=100_000_u32).map(|number| Network::from(IpAddr::from(Ipv4Addr::from(number))));
    assert_eq!(Networks::deny(many).unwrap_err(), CriterionError::Networks);
}

#[test]
fn no_address_is_neither_in_nor_out() {
    let list = || [network("192.0.2.0/24").unwrap()];
    let nothing = RequestContext::new();
    let unknown = Verdict::Unknown { reason: "network_unknown" };
    for criterion in [Networks::allow(list()).unwrap(), Networks::deny(list()).unwrap()] {
        assert_eq!(ask(&criterion, &nothing), unknown);
        assert_eq!(ask(&not(criterion, "r"), &nothing), unknown, "and neither is the opposite");
    }
}

/// An address of either kind, near those of the others.
fn address() -> impl Strategy<Value = IpAddr> {
    let near = prop_oneof![Just(0_u32), Just(0x0A00_0000), Just(0xC000_0200), Just(0xFFFF_FF00)];
    prop_oneof![
        (near.clone(), 0_u32..256).prop_map(|(base, low)| IpAddr::from(Ipv4Addr::from(base | low))),
        (near.clone(), 0_u32..256).prop_map(|(base, low)| IpAddr::from(Ipv4Addr::from(base | low).to_ipv6_mapped())),
        (near, 0_u32..256, proptest::arbitrary::any::<u8>()).prop_map(|(base, low, high)| {
            IpAddr::from(Ipv6Addr::from(u128::from(high) << 120 | u128::from(base | low)))
        }),
    ]
}

/// An address and a prefix with nothing beyond it.
fn prefix() -> impl Strategy<Value = (IpAddr, u32)> {
    (address(), proptest::arbitrary::any::<prop::sample::Index>()).prop_map(|(ip, index)| match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let length = u32::try_from(index.index(33)).unwrap();
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            (Ipv4Addr::from(u32::from(v4) & mask).into(), length)
        }
        IpAddr::V6(v6) => {
            let length = u32::try_from(index.index(129)).unwrap();
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            (Ipv6Addr::from(u128::from(v6) & mask).into(), length)
        }
    })
}

/// Bit by bit, without any order.
fn holds((network, length): (IpAddr, u32), ip: IpAddr) -> bool {
    let same = |a: u128, b: u128, width: u32| (0..length).all(|bit| (a ^ b) >> (width - 1 - bit) & 1 == 0);
    match (network, ip.to_canonical()) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => same(u32::from(network).into(), u32::from(ip).into(), 32),
        (IpAddr::V6(network), IpAddr::V6(ip)) => same(network.into(), ip.into(), 128),
        _ => false,
    }
}

proptest! {
    #[test]
    fn networks_are_what_their_bits_say(prefixes in prop::collection::vec(prefix(), 1..12), ip in address()) {
        let list = || prefixes.iter().map(|(ip, length)| network(&format!("{ip}/{length}")).unwrap());
        let inside = prefixes.iter().any(|prefix| holds(*prefix, ip));
        let request = from_ip(ip);
        let allowed = |networks: Networks| ask(&networks, &request) == Verdict::ALLOW;
        prop_assert_eq!(allowed(Networks::allow(list()).unwrap()), inside);
        prop_assert_eq!(allowed(Networks::deny(list()).unwrap()), !inside);
    }
}

/// Says one thing until an instant, and another one from then on.
#[derive(Clone, Copy, Debug)]
struct Changes {
    at: u64,
    before: Word,
    after: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Yes,
    No,
    Unknown,
    LogIn,
}

impl Criterion for Changes {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        let at = UnixTime::from_secs(self.at);
        let (word, next) = if situation.now < at { (self.before, Some((at, self.after))) } else { (self.after, None) };
        match word {
            Word::Yes => Verdict::Allow { until: next.map_or(UnixTime::MAX, |(at, _)| at) },
            Word::No => {
                let retry_at = next.filter(|(_, word)| *word != Word::No).map(|(at, _)| at);
                Verdict::Deny { reason: "no", retry_at }
            }
            Word::Unknown => Verdict::Unknown { reason: "unknown" },
            Word::LogIn => Verdict::LogInAgain { reason: "log_in" },
        }
    }

    fn remembers(&self) -> Remembered {
        Remembered { ip: self.before == Word::LogIn, place: self.after == Word::LogIn }
    }
}

/// A criterion of several parts, as data.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(Changes),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

impl Tree {
    fn criterion(&self) -> Box<dyn Criterion> {
        let parts = |parts: &[Self]| parts.iter().map(Self::criterion).collect::<Vec<_>>();
        match self {
            Self::Leaf(leaf) => leaf.boxed(),
            Self::All(trees) => all(parts(trees)).unwrap().boxed(),
            Self::Any(trees) => any(parts(trees)).unwrap().boxed(),
            Self::Not(tree) => not(tree.criterion(), "not").boxed(),
        }
    }

    /// A second opinion, by the table in the documentation: who says what is all that counts.
    fn word(&self, now: u64) -> Word {
        let first = |trees: &[Self], order: [Word; 4]| {
            order.into_iter().find(|word| trees.iter().any(|tree| tree.word(now) == *word)).unwrap()
        };
        match self {
            Self::Leaf(leaf) => {
                if now < leaf.at {
                    leaf.before
                } else {
                    leaf.after
                }
            }
            Self::All(trees) => first(trees, [Word::No, Word::Unknown, Word::LogIn, Word::Yes]),
            Self::Any(trees) => first(trees, [Word::Yes, Word::LogIn, Word::Unknown, Word::No]),
            Self::Not(tree) => match tree.word(now) {
                Word::Yes => Word::No,
                Word::No => Word::Yes,
                word => word,
            },
        }
    }

    fn leaves(&self) -> Vec<Changes> {
        match self {
            Self::Leaf(leaf) => vec![*leaf],
            Self::All(trees) | Self::Any(trees) => trees.iter().flat_map(Self::leaves).collect(),
            Self::Not(tree) => tree.leaves(),
        }
    }
}

const WORDS: [Word; 4] = [Word::Yes, Word::No, Word::Unknown, Word::LogIn];

fn tree() -> impl Strategy<Value = Tree> {
    let word = || prop::sample::select(&WORDS[..]);
    let leaf = (0_u64..20, word(), word()).prop_map(|(at, before, after)| Tree::Leaf(Changes { at, before, after }));
    leaf.prop_recursive(4, 24, 4, |part| {
        prop_oneof![
            prop::collection::vec(part.clone(), 1..4).prop_map(Tree::All),
            prop::collection::vec(part.clone(), 1..4).prop_map(Tree::Any),
            part.prop_map(|tree| Tree::Not(Box::new(tree))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_criterion_of_several_parts_keeps_its_word(tree in tree(), now in 0_u64..20) {
        let (criterion, request) = (tree.criterion(), RequestContext::new());
        let holds = |until: UnixTime, word: Word| (now..until.as_secs().min(25)).all(|at| tree.word(at) == word);
        match ask_at(&*criterion, &request, now) {
            Verdict::Allow { until } => {
                prop_assert!(until > UnixTime::from_secs(now) && holds(until, Word::Yes), "{until:?}");
            }
            Verdict::Deny { retry_at, .. } => {
                prop_assert!(holds(retry_at.unwrap_or(UnixTime::MAX), Word::No), "{retry_at:?}");
            }
            Verdict::Unknown { .. } => prop_assert_eq!(tree.word(now), Word::Unknown),
            Verdict::LogInAgain { .. } => prop_assert_eq!(tree.word(now), Word::LogIn),
        }
        let some_leaf = |wants: fn(&Changes) -> bool| tree.leaves().iter().any(wants);
        let memory = criterion.remembers();
        prop_assert_eq!(memory.ip, some_leaf(|leaf| leaf.before == Word::LogIn));
        prop_assert_eq!(memory.place, some_leaf(|leaf| leaf.after == Word::LogIn));
    }
}

#[test]
fn the_parts_are_few_and_never_none() {
    let parts = |count| (0..count).map(|_| Travel::default().boxed()).collect::<Vec<_>>();
    for make in [|parts| all(parts).map(drop), |parts: Vec<_>| any(parts).map(drop)] {
        assert_eq!(make(parts(0)), Err(CriterionError::Parts));
        assert_eq!(make(parts(All::MAX_PARTS)), Ok(()));
        assert_eq!(make(parts(All::MAX_PARTS + 1)), Err(CriterionError::Parts));
    }
}

/// "Not from this network; come back at eight" would be two halves of two truths.
#[test]
fn reason_and_time_come_from_the_same_part() {
    let office = || Networks::allow([network("192.0.2.0/24").unwrap()]).unwrap().boxed();
    let closed = || Changes { at: 9, before: Word::No, after: Word::Yes }.boxed();
    let outside = from_ip("198.51.100.1".parse().unwrap());
    let (eight, never) = (Some(UnixTime::from_secs(9)), None);
    for parts in [[office(), closed()], [closed(), office()]] {
        assert_eq!(ask(&any(parts).unwrap(), &outside), Verdict::Deny { reason: "no", retry_at: eight });
    }
    for parts in [[office(), closed()], [closed(), office()]] {
        let deny = Verdict::Deny { reason: "network_not_allowed", retry_at: never };
        assert_eq!(ask(&all(parts).unwrap(), &outside), deny);
    }
}

#[test]
fn the_opposite_says_its_own_reason() {
    let criterion = not(Changes { at: 9, before: Word::Yes, after: Word::No }, "closed");
    let deny = |retry_at| Verdict::Deny { reason: "closed", retry_at };
    assert_eq!(ask_at(&criterion, &RequestContext::new(), 3), deny(Some(UnixTime::from_secs(9))));
    let always = not(Changes { at: 0, before: Word::Yes, after: Word::Yes }, "closed");
    assert_eq!(ask(&always, &RequestContext::new()), deny(None));
}
