//! What the memory of a process and of all that it has started has, as a debugger would look for it.

use std::os::unix::fs::FileExt;

use memchr::memmem::Finder;

const PIECE: u64 = 1 << 20;
const PAGE: u64 = 1 << 12;

/// How often each of these is there, in the spellings that programs have for text: one byte for a letter, or two.
pub(crate) fn count<const N: usize>(process: u32, needles: [&[u8]; N]) -> [usize; N] {
    let wide = needles.map(|needle| needle.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<_>>());
    let longest = wide.iter().map(Vec::len).max().unwrap();
    let finders: [_; N] = core::array::from_fn(|at| [Finder::new(needles[at]), Finder::new(&wide[at])]);
    let mut found = [0; N];
    for process in with_descendants(process) {
        for_each_piece(process, longest, |piece| {
            for (found, finders) in found.iter_mut().zip(&finders) {
                *found += finders.iter().map(|finder| finder.find_iter(piece).count()).sum::<usize>();
            }
        });
    }
    found
}

fn with_descendants(ancestor: u32) -> Vec<u32> {
    let parent = |process: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let belongs = |process: &u32| std::iter::successors(Some(*process), |at| parent(*at)).any(|at| at == ancestor);
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(belongs).collect()
}

/// All that a process can write to, in pieces that overlap. Large reservations are mostly holes, which cannot be read.
fn for_each_piece(process: u32, overlap: usize, mut look: impl FnMut(&[u8])) {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps"));
    let memory = std::fs::File::open(format!("/proc/{process}/mem"));
    let (Ok(maps), Ok(memory)) = (maps, memory) else {
        let gone = !std::path::Path::new(&format!("/proc/{process}/exe")).exists();
        assert!(gone, "process {process} lives, and cannot be looked into");
        return;
    };
    let mut piece = vec![0; usize::try_from(PIECE).unwrap() + overlap - 1];
    for map in maps.lines().filter(|map| map.split(' ').nth(1).is_some_and(|flags| flags.starts_with("rw"))) {
        let (from, to) = map.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut at = from;
        while at < to {
            let len = usize::try_from(to - at).unwrap().min(piece.len());
            match memory.read_at(&mut piece[..len], at) {
                Ok(read @ 1..) => {
                    look(&piece[..read]);
                    // What could not be read together is read page by page.
                    at += if read == len { PIECE } else { u64::try_from(read).unwrap().max(PAGE) };
                }
                _ => at += PAGE,
            }
        }
    }
}
