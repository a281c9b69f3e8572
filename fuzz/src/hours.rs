//! Hours as text: what is read can be written, and read again as the same; an instant lies in its own window.

use pinlatch::UnixTime;
use pinlatch::clock::WeeklyHours;
use pinlatch::permission::Window;

use crate::fixtures::NOW;

pub fn run(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Ok(hours) = text.parse::<WeeklyHours>() else { return };
    let written = hours.to_string();
    let again: WeeklyHours = written.parse().unwrap();
    assert_eq!(again.to_string(), written, "{text}");
    for days in 0..8 {
        let at = UnixTime::from_secs(NOW.as_secs() + days * 86_400 + days * 3_601);
        let window = hours.window(at);
        assert_eq!(window, again.window(at), "{text}");
        match window {
            Window::Open { until } => assert!(until > at, "{text}"),
            Window::Closed { opens } => assert!(opens.is_none_or(|opens| opens > at), "{text}"),
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        "Mon-Fri 08:00-18:00 Europe/Berlin",
        "Mon-Fri 08:00-12:00,13:00-18:00; Sat 22:00-02:00; 2026-12-25 closed Europe/Berlin",
        "Sun-Mon 00:00-24:00; 2027-01-01 10:00-12:00 America/New_York",
        "Wed 09:00-17:30 UTC",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
