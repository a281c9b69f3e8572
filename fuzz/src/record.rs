//! Contents of records, behind their MAC: what is read is what is written.

use crate::fixtures::HANDED_OUT;

pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    if let Some(again) = pinlatch::fuzzing::reread(*kind, bytes) {
        assert_eq!(again, bytes);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let session = pinlatch::fuzzing::written(&HANDED_OUT.session);
    let earlier = [include_str!("../../tests/golden/session_1.txt"), include_str!("../../tests/golden/session_2.txt")];
    let sessions = earlier.map(content).into_iter().chain([session]).map(|session| [&[0][..], &session].concat());
    sessions.chain([vec![1; 18], vec![2; 80], vec![3; 80]]).collect()
}

/// What a golden record has between the pepper's id and the MAC.
fn content(golden: &str) -> Vec<u8> {
    let digits = golden.lines().nth(1).unwrap_or_default();
    let byte = |at| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).filter_map(byte).collect();
    bytes[4..bytes.len() - 32].to_vec()
}
