//! A process that speaks for other libraries: a request per line in JSON, an answer per line.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::service::{AUDIENCE, ISSUER, SECRET};

pub(crate) struct Peer {
    library: &'static str,
    child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// All of them.
pub(crate) fn peers() -> [Peer; 3] {
    [Peer::of_python("PyJWT"), Peer::of_python("joserfc"), Peer::of_node("jose")]
}

impl Peer {
    fn of_python(library: &'static str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let python = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
        Self::start(library, &python.join("interop/bin/python"), "peer.py")
    }

    fn of_node(library: &'static str) -> Self {
        Self::start(library, Path::new("node"), "peer.mjs")
    }

    fn start(library: &'static str, program: &Path, script: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
        let child = Command::new(program).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error} (tests/run installs it)", program.display()));
        let (requests, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { library, child, requests, answers: BufReader::new(answers).lines() }
    }

    pub(crate) const fn library(&self) -> &'static str {
        self.library
    }

    fn ask(&mut self, mut request: Value) -> Result<Value, String> {
        request["library"] = self.library.into();
        request["secret"] = SECRET.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        writeln!(self.requests, "{request}").unwrap();
        let mut answer: Value = serde_json::from_str(&self.answers.next().unwrap().unwrap()).unwrap();
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// The claims, if the library finds nothing wrong.
    pub(crate) fn verify(&mut self, alg: &str, token: &str, jwks: &str, audience: &str) -> Result<Value, String> {
        let request =
            json!({"op": "verify", "alg": alg, "token": token, "jwks": jwks, "issuer": ISSUER, "audience": audience});
        self.ask(request)
    }

    pub(crate) fn verify_ours(&mut self, alg: &str, token: &str, jwks: &str) -> Result<Value, String> {
        self.verify(alg, token, jwks, AUDIENCE)
    }

    /// A token with this header, as JSON, and these claims.
    pub(crate) fn sign(&mut self, alg: &str, header: &str, claims: &Value) -> String {
        let token = self.ask(json!({"op": "sign", "alg": alg, "header": header, "claims": claims})).unwrap();
        token.as_str().unwrap().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
