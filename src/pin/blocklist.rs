//! PINs that guessers try first. The rules catch about a twentieth of all six-digit PINs: long enough to take the top
//! of the distribution away, short enough that people are not driven to the next-commonest choice.

use zeroize::Zeroizing;

use super::WeakPin;

/// Frequent in published counts of leaked PINs and not caught by a rule below.
const COMMON: &[&str] = &[
    "000007",
    "007007",
    "112358",
    "113355",
    "131313",
    "246810",
    "292513",
    "314159",
    "369963",
    "420420",
    "456852",
    "520131",
    "520520",
    "696969",
    "741963",
    "789456",
    "852456",
    "963741",
    "1337",
    "1379",
    "2468",
    "4200",
    "4321",
    "5150",
    "5683",
    "6969",
    "7410",
    "8520",
    "9630",
    "1004",
    "1010",
    "password",
    "passwort",
    "letmein",
    "iloveyou",
    "welcome",
    "dragon",
    "monkey",
    "master",
    "secret",
    "qwerty",
    "qwertz",
    "azerty",
    "asdfgh",
    "asdfghjkl",
    "qwertyuiop",
    "abc123",
    "a1b2c3",
    "1q2w3e",
    "1q2w3e4r",
    "1qaz2wsx",
    "pinlatch",
];

/// Straight lines and loops over a phone's keypad; read backwards they are as common.
const KEYPAD: &[&str] = &["2580", "147258369", "147896325", "123698745", "1478963", "159357", "159753"];

pub(super) fn check(pin: &str) -> Result<(), WeakPin> {
    let pin = Zeroizing::new(pin.to_lowercase());
    // Sized beforehand: a vector that grows leaves pieces of the PIN behind.
    let mut chars = Zeroizing::new(Vec::with_capacity(pin.len()));
    chars.extend(pin.chars());
    if is_repeated(&chars) {
        Err(WeakPin::Repeated)
    } else if is_run(&chars) {
        Err(WeakPin::Sequence)
    } else if is_date(&pin) {
        Err(WeakPin::Date)
    } else if is_keypad(&chars) {
        Err(WeakPin::Keypad)
    } else if COMMON.contains(&pin.as_str()) {
        Err(WeakPin::Common)
    } else {
        Ok(())
    }
}

/// The whole is one group of at most half its length, over and over; or at most two different characters.
fn is_repeated(chars: &[char]) -> bool {
    let group_repeats = |len| chars.len().is_multiple_of(len) && chars.chunks(len).all(|group| group == &chars[..len]);
    let different = chars.iter().enumerate().filter(|(at, char)| !chars[..*at].contains(char)).count();
    different <= 2 || (1..=chars.len() / 2).any(group_repeats)
}

/// Every step is the same: one up or one down. `7890` and `0987` go around the end.
fn is_run(chars: &[char]) -> bool {
    let step = |from: char, to: char| match (from, to) {
        ('9', '0') => 1,
        ('0', '9') => -1,
        _ => i64::from(u32::from(to)) - i64::from(u32::from(from)),
    };
    let mut steps = chars.windows(2).map(|pair| step(pair[0], pair[1]));
    let Some(first) = steps.next() else { return false };
    first.abs() == 1 && steps.all(|step| step == first)
}

/// `1987`, `19871231`, `311287` and `123187` as people write birthdays; a year alone with any two digits is not one.
fn is_date(pin: &str) -> bool {
    if !pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let number = |range: core::ops::Range<usize>| pin[range].parse::<u32>().expect("at most four digits");
    let is_year = |year: u32| (1930..=2039).contains(&year);
    let is_day_and_month = |one: u32, other: u32| {
        (1..=31).contains(&one) && (1..=12).contains(&other) || (1..=12).contains(&one) && (1..=31).contains(&other)
    };
    match pin.len() {
        4 => is_year(number(0..4)),
        8 => {
            is_year(number(0..4)) && is_day_and_month(number(4..6), number(6..8))
                || is_year(number(4..8)) && is_day_and_month(number(0..2), number(2..4))
        }
        6 => is_birthday(number(0..2), number(2..4), number(4..6)),
        _ => false,
    }
}

/// Day-month-year and month-day-year with the two-digit years of living people. The third common order,
/// year-month-day, would add a further two percent of all PINs for little gain.
fn is_birthday(first: u32, second: u32, year: u32) -> bool {
    let plausible_year = (50..=99).contains(&year) || year <= 20;
    let day_month = (1..=31).contains(&first) && (1..=12).contains(&second);
    let month_day = (1..=12).contains(&first) && (1..=31).contains(&second);
    plausible_year && (day_month || month_day)
}

/// A piece of at least four of a keypad path, forwards or backwards, and nothing else.
fn is_keypad(chars: &[char]) -> bool {
    let runs_along = |path: &[u8]| {
        path.windows(chars.len()).any(|piece| {
            let same = |(byte, char): (&u8, &char)| char::from(*byte) == *char;
            piece.iter().zip(chars).all(same) || piece.iter().rev().zip(chars).all(same)
        })
    };
    chars.len() >= 4 && KEYPAD.iter().any(|path| runs_along(path.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_catches_its_own() {
        for (pin, reason) in [
            ("777777", WeakPin::Repeated),
            ("121212", WeakPin::Repeated),
            ("123123", WeakPin::Repeated),
            ("112211", WeakPin::Repeated),
            ("345678", WeakPin::Sequence),
            ("987654", WeakPin::Sequence),
            ("567890", WeakPin::Sequence),
            ("890123", WeakPin::Sequence),
            ("321098", WeakPin::Sequence),
            ("ABCDEF", WeakPin::Sequence),
            ("19870412", WeakPin::Date),
            ("04121987", WeakPin::Date),
            ("19873112", WeakPin::Date),
            ("1987", WeakPin::Date),
            ("311287", WeakPin::Date),
            ("311220", WeakPin::Date),
            ("2580", WeakPin::Keypad),
            ("147258", WeakPin::Keypad),
            ("963852", WeakPin::Keypad),
            ("159753", WeakPin::Keypad),
            ("Password", WeakPin::Common),
            ("246810", WeakPin::Common),
        ] {
            assert_eq!(check(pin), Err(reason), "{pin}");
        }
    }

    #[test]
    fn ordinary_pins_pass() {
        let no_dates = ["19873231", "19873113", "99321987", "311230"];
        for pin in ["739216", "835196", "0493", "correct horse", "８３５１９６", "é7ü2ß9"].into_iter().chain(no_dates)
        {
            assert_eq!(check(pin), Ok(()), "{pin}");
        }
    }

    /// The share is a decision (see the module's text), so it is counted.
    #[test]
    fn about_a_twentieth_of_six_digit_pins_is_blocked() {
        let blocked = (0..1_000_000).filter(|number| check(&format!("{number:06}")).is_err()).count();
        assert_eq!(blocked, 45_965);
    }
}
