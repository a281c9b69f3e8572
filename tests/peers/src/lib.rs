//! What the tests here have in common: other libraries as processes, and dice.

#![allow(clippy::missing_panics_doc, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A process that speaks for other libraries: a request per line in JSON, an answer per line.
#[derive(Debug)]
pub struct Process {
    child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// A script of `interop` for Python, with the libraries that `tests/run` installs.
    #[must_use]
    pub fn python(script: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
        Self::start(&target.join("interop/bin/python"), &interop(script))
    }

    /// A script of `interop` for Node.
    #[must_use]
    pub fn node(script: &str) -> Self {
        Self::start(Path::new("node"), &interop(script))
    }

    /// Any script, run by any program.
    ///
    /// # Panics
    /// When the program is not there.
    #[must_use]
    pub fn start(program: &Path, script: &Path) -> Self {
        let child = Command::new(program).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error} (tests/run installs it)", program.display()));
        let (requests, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, requests, answers: BufReader::new(answers).lines() }
    }

    /// The answer, or what the library says against the request.
    ///
    /// # Errors
    /// The text of its error.
    pub fn ask(&mut self, request: &Value) -> Result<Value, String> {
        writeln!(self.requests, "{request}").unwrap();
        let mut answer: Value = serde_json::from_str(&self.answers.next().unwrap().unwrap()).unwrap();
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].take()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn interop(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script)
}

/// Reproducible numbers (SplitMix64).
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// Below a number of sides.
    pub fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) % u64::try_from(sides).unwrap()).unwrap()
    }

    /// Once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// In another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}
