//! The manual: what one needs to know to run pinlatch, page by page. Only in the documentation.
//!
//! 1. [Concepts](concepts): the life of a session, in one picture.
//! 2. [Getting started](getting_started): an empty axum or actix application, up to a PIN that works.
//! 3. [Who sees the PIN](wraps): the server, or nobody but the device; what the standards call it.
//! 4. [Numbers](numbers): PINs, guesses, Argon2id, lifetimes; how to choose them.
//! 5. [Secrets](secrets): making, rotating, and what to do after a leak or a restored backup.
//! 6. [Several machines](machines): what instances share, clocks, load balancers, shutting down.
//! 7. [Capacity](capacity): what a core and a store bear, and what a million users need.
//! 8. [Browsers and proxies](browsers): headers, origins, caches, content security policies.
//! 9. [Monitoring](monitoring): which events mean what, and what to alert on.
//! 10. [Threats](threats): boundary by boundary.
//! 11. [Testing](testing): your service, without waits and without the cost of Argon2id.
//! 12. [Evidence](evidence): what is shown, how often, by which command; and what is missed.
//! 13. [Upgrading](upgrading): formats, versions, and how to go back.
//! 14. [Comparison](comparison): cookies, refresh tokens, passkeys.
//!
//! Writing a store is [`crate::store`]'s own page.

/// Declares pages.
macro_rules! pages {
    ($($name:ident: $title:literal, $file:literal;)*) => {$(
        #[doc = $title]
        #[doc = ""]
        #[doc = include_str!(concat!("manual/", $file))]
        pub mod $name {}
    )*};
}

pages! {
    concepts: "The life of a session.", "concepts.md";
    wraps: "Who sees the PIN.", "wraps.md";
    numbers: "Choosing the numbers.", "numbers.md";
    secrets: "Keys and secrets, rotations, leaks, backups.", "secrets.md";
    machines: "More than one machine.", "machines.md";
    capacity: "How much one machine bears, and what a million users need.", "capacity.md";
    browsers: "Browsers, and what stands before the server.", "browsers.md";
    monitoring: "What to watch.", "monitoring.md";
    threats: "Threats, boundary by boundary.", "threats.md";
    testing: "Testing a service.", "testing.md";
    evidence: "What is shown, and how.", "evidence.md";
    upgrading: "Upgrading, and going back.", "upgrading.md";
    comparison: "Beside cookies, refresh tokens and passkeys.", "comparison.md";
}

/// From an empty application to a PIN that works.
#[doc = ""]
#[doc = include_str!("manual/getting_started.md")]
/// # With axum
///
/// ```text
#[doc = include_str!("manual/axum.rs")]
/// ```
///
/// # With actix
///
/// ```text
#[doc = include_str!("manual/actix.rs")]
/// ```
///
#[doc = include_str!("manual/getting_further.md")]
pub mod getting_started {}
