//! The secrets of the demo.

use std::io::Write;
use std::path::Path;

/// The pepper, the index key, three signing keys and the sealing key of the demo, 32 bytes each.
///
/// They lie in a file, so that sessions survive a restart and several instances know each other's. In production they
/// do not lie beside the database: whoever copies the one must not get the other.
pub(crate) struct Secrets([u8; Self::LEN]);

impl Secrets {
    const LEN: usize = 6 * 32;

    pub(crate) fn random() -> Result<Self, std::io::Error> {
        let mut bytes = [0; Self::LEN];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Of several instances that start at once, one makes the file, whole, and all read it.
    pub(crate) fn read_or_create(path: &Path) -> Result<Self, std::io::Error> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&Self::random()?.0)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.error),
            _ => {}
        }
        let bytes = std::fs::read(path)?.try_into().map_err(|_| {
            let problem =
                format!("{} does not have {} bytes, as the secrets of this demo have", path.display(), Self::LEN);
            std::io::Error::new(std::io::ErrorKind::InvalidData, problem)
        })?;
        Ok(Self(bytes))
    }

    pub(crate) fn part(&self, at: usize) -> &[u8] {
        &self.0[at * 32..][..32]
    }
}
