//! Whether the time of a refusal tells what was refused: Welch's test between two kinds of input, as in "Dude, is my
//! code constant time?" (Reparaz, Balasch, Verbauwhede, 2017).

mod codes;
mod forged;
mod stored;
mod strangers;

use std::hint::black_box;
use std::time::Instant;

pub use self::codes::codes;
pub use self::forged::forged;
pub use self::stored::stored;
pub use self::strangers::strangers;

/// Asked one question after the other: what is compared, and how long a sample of either kind takes, in seconds.
pub type Judge<'a> = &'a mut dyn FnMut(&str, &mut dyn FnMut(bool) -> f64);

/// What the test must find: a comparison that stops at the first difference.
pub fn control(judge: Judge<'_>) {
    let expected = [7_u8; 32];
    let wrong = |at: usize| core::array::from_fn::<u8, 32, _>(|byte| if byte == at { 8 } else { 7 });
    let mut tags = TwoKinds::new(wrong(0), wrong(31));
    judge("control: a comparison of 32 bytes that stops early", &mut |kind| {
        let presented = tags.present(kind);
        timed(|| presented.iter().zip(black_box(&expected)).all(|(one, other)| black_box(one) == black_box(other)))
    });
}

/// Takes so many samples of the two kinds, in an order that looks drawn, and returns the largest |t|: of all samples,
/// and without the slowest tenth or half, which are the machine's doing. Above 10 the kinds differ, below 4.5 there is
/// nothing to see.
#[must_use]
pub fn largest_t(samples: usize, take: &mut dyn FnMut(bool) -> f64) -> f64 {
    let mut coin = Coin(0x9E37_79B9_7F4A_7C15);
    let mut taken = Vec::with_capacity(samples);
    for _ in 0..samples {
        let kind = coin.toss();
        taken.push((kind, take(kind)));
    }
    let mut times: Vec<f64> = taken.iter().map(|(_, time)| *time).collect();
    times.sort_by(f64::total_cmp);
    let slowest = [samples - 1, samples * 9 / 10, samples / 2].map(|at| times[at]);
    slowest.into_iter().map(|slowest| welch(taken.iter().filter(|(_, time)| *time <= slowest))).fold(0.0, f64::max)
}

/// |t| of two samples of their own variances.
fn welch<'a>(taken: impl Iterator<Item = &'a (bool, f64)>) -> f64 {
    // Number, mean, and sum of squared distances, after each value (Welford).
    let mut kinds = [(0.0, 0.0, 0.0); 2];
    for (kind, time) in taken {
        let (number, mean, squares) = &mut kinds[usize::from(*kind)];
        *number += 1.0;
        let distance = time - *mean;
        *mean += distance / *number;
        *squares += distance * (time - *mean);
    }
    let error = |(number, _, squares): (f64, f64, f64)| squares / (number - 1.0) / number;
    (kinds[0].1 - kinds[1].1).abs() / (error(kinds[0]) + error(kinds[1])).sqrt()
}

#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    let result = black_box(work());
    let took = begun.elapsed().as_secs_f64();
    drop(result);
    took
}

/// Looks like one that is tossed (xorshift).
struct Coin(u64);

impl Coin {
    fn toss(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 & 1 == 1
    }
}

/// Two inputs, presented at the same place in memory, and copied from places that say nothing of their kind either:
/// what was read last makes a difference to what is read next.
struct TwoKinds<T> {
    kinds: [T; 2],
    swapped: bool,
    coin: Coin,
    presented: T,
}

impl<T: Clone> TwoKinds<T> {
    fn new(one: T, other: T) -> Self {
        let presented = one.clone();
        Self { kinds: [one, other], swapped: false, coin: Coin(0xD1B5_4A32_D192_ED03), presented }
    }

    fn present(&mut self, kind: bool) -> &T {
        if self.coin.toss() {
            // What they hold changes places, not who points where.
            let [one, other] = &mut self.kinds;
            self.presented.clone_from(one);
            one.clone_from(other);
            other.clone_from(&self.presented);
            self.swapped ^= true;
        }
        self.presented.clone_from(&self.kinds[usize::from(kind ^ self.swapped)]);
        black_box(&self.presented)
    }
}

/// A text with another character early or late.
fn changed_at(text: &str, early: usize, late: usize) -> TwoKinds<String> {
    let changed = |at: usize| {
        let other = if &text[at..=at] == "A" { "Q" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    };
    TwoKinds::new(changed(early), changed(late))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every question refuses what it says; what its time is, is not a test's to say.
    #[test]
    fn every_question_can_be_asked() {
        let mut asked = 0;
        let mut once = |_: &str, take: &mut dyn FnMut(bool) -> f64| {
            asked += 1;
            assert!(take(false) >= 0.0 && take(true) >= 0.0);
        };
        for ask in [control, forged, stored, codes, strangers] {
            ask(&mut once);
        }
        assert_eq!(asked, 13);
    }

    #[test]
    fn what_differs_is_seen_and_what_does_not_is_not() {
        let mut noise = (0..).map(|at: u32| f64::from(at.wrapping_mul(2_654_435_761) >> 16));
        let mut noise = || noise.next().unwrap();
        assert!(largest_t(10_000, &mut |_| noise()) < 4.5);
        assert!(largest_t(10_000, &mut |kind| noise() + if kind { 5_000.0 } else { 0.0 }) > 10.0);
    }
}
