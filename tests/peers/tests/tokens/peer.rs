//! Libraries for JSON Web Tokens.

use pinlatch_peers::Process;
use serde_json::{Value, json};

use crate::service::{AUDIENCE, ISSUER, SECRET};

pub(crate) struct Peer {
    library: &'static str,
    process: Process,
}

/// All of them.
pub(crate) fn peers() -> [Peer; 3] {
    [Peer::of_python("PyJWT"), Peer::of_python("joserfc"), Peer::of_node("jose")]
}

impl Peer {
    fn of_python(library: &'static str) -> Self {
        Self { library, process: Process::python("tokens.py") }
    }

    fn of_node(library: &'static str) -> Self {
        Self { library, process: Process::node("tokens.mjs") }
    }

    pub(crate) const fn library(&self) -> &'static str {
        self.library
    }

    fn ask(&mut self, mut request: Value) -> Result<Value, String> {
        request["library"] = self.library.into();
        request["secret"] = SECRET.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        self.process.ask(&request)
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
