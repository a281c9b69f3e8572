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
    vec![[&[0][..], &session].concat(), vec![1; 18], vec![2; 80], vec![3; 80]]
}
