//! Names, networks, origins: what is accepted is what it says, and stays so.

use pinlatch::criterion::Network;
use pinlatch::proof::Origin;
use pinlatch::{DeviceLabel, Pin, Policy, SessionId, Subject, Tenant};

pub fn run(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(network) = text.parse::<Network>() {
        assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
    }
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.to_string().parse::<Origin>().unwrap().to_string(), origin.to_string());
    }
    if let Ok(id) = text.parse::<SessionId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(subject) = Subject::new(text) {
        assert!(subject.as_str() == text && !text.is_empty());
    }
    drop(Tenant::new(text));
    drop(DeviceLabel::new(text));
    if let Ok(pin) = Pin::new(text) {
        // The blocklist reads it as people would.
        drop(pinlatch::pin::NewPin::accept(pin, &Policy::default()));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        "192.0.2.0/24",
        "2001:db8::/32",
        "::ffff:192.0.2.0/120",
        "https://api.example",
        "https://[2001:db8::1]:8443",
        "zEC3GAfywqRwiKGI4fAJAg",
        "alice",
        "739216",
        "24121969",
        "٧٣٩٢١٦",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
