//! How well somebody guesses who has copies and all the time in the world: where their scores put the right PIN.

use rand_core::Rng;

use super::SplitMix;

pub(crate) const TRIALS: u32 = 1_000;

/// How many PINs are ranked in a trial; with `THOROUGH=1` all that have four digits.
pub(crate) fn candidates() -> u32 {
    if std::env::var_os("THOROUGH").is_some() { 10_000 } else { 50 }
}

/// PINs of four digits, and which of them is right.
pub(crate) fn four_digits(rng: &mut SplitMix) -> (Vec<String>, usize) {
    let (begin, count) = (below(rng, 10_000), candidates());
    let pins = (begin..begin + count).map(|number| format!("{:04}", number % 10_000)).collect();
    (pins, below(rng, count) as usize)
}

fn below(rng: &mut SplitMix, sides: u32) -> u32 {
    rng.next_u32() % sides
}

pub(crate) fn common_bits(one: &[u8], other: &[u8]) -> u32 {
    one.iter().zip(other).map(|(one, other)| (one ^ other).count_zeros()).sum()
}

/// The largest distance between where the right PIN stood in all trials and a uniform distribution (Kolmogorov,
/// Smirnov), for each of several ways to score. A trial gives each PIN a score for each way, and says which is right.
pub(crate) fn distances<const WAYS: usize>(
    mut trial: impl FnMut(&mut SplitMix) -> (Vec<[u32; WAYS]>, usize),
) -> [f64; WAYS] {
    let mut rng = SplitMix(11);
    let mut ranks = [const { Vec::new() }; WAYS];
    for _ in 0..TRIALS {
        let (scores, right) = trial(&mut rng);
        for (way, ranks) in ranks.iter_mut().enumerate() {
            ranks.push(rank(scores.iter().map(|score| score[way]), scores[right][way], &mut rng));
        }
    }
    ranks.map(distance)
}

pub(crate) fn assert_no_better_than_chance<const WAYS: usize>(
    trial: impl FnMut(&mut SplitMix) -> (Vec<[u32; WAYS]>, usize),
) {
    let distances = distances(trial);
    assert!(distances.iter().all(|distance| *distance < critical()), "{distances:?}, critical {}", critical());
}

/// Where a score stands among all, as a fraction; equal scores are drawn.
fn rank(scores: impl Iterator<Item = u32>, right: u32, rng: &mut SplitMix) -> f64 {
    let (mut before, mut equal, mut all) = (0.0, 0.0, 0.0);
    for score in scores {
        before += f64::from(u8::from(score > right));
        equal += f64::from(u8::from(score == right));
        all += 1.0;
    }
    let drawn = f64::from(rng.next_u32()) / f64::from(u32::MAX);
    (before + equal * drawn) / all
}

fn distance(mut ranks: Vec<f64>) -> f64 {
    ranks.sort_by(f64::total_cmp);
    let count = f64::from(TRIALS);
    let distances = ranks.iter().zip(0_u32..).map(|(rank, at)| {
        let (below, above) = (f64::from(at) / count, f64::from(at + 1) / count);
        (rank - below).abs().max((above - rank).abs())
    });
    distances.fold(0.0, f64::max)
}

/// One in a million for a distribution that is uniform.
fn critical() -> f64 {
    (-(0.5e-6_f64).ln() / 2.0 / f64::from(TRIALS)).sqrt()
}

/// One bit of a token that could be checked is enough.
#[test]
fn a_check_value_would_be_seen() {
    let found = distances(|rng| {
        let (pins, right) = four_digits(rng);
        let mut scores: Vec<[u32; 1]> = pins.iter().map(|_| [rng.next_u32() & 1]).collect();
        scores[right] = [1];
        (scores, right)
    });
    assert!(found[0] > critical(), "{found:?}");
}
