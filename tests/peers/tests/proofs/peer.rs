//! Libraries for HTTP Message Signatures.

use pinlatch::proof::Candidate;
use pinlatch::{ClockPolicy, SystemClock};
use pinlatch_peers::{Dice, Process};
use serde_json::{Value, json};

use crate::message::{Message, hex};
use crate::server::Server;

pub(crate) struct Peer {
    pub(crate) library: &'static str,
    process: Process,
}

pub(crate) fn peers() -> [Peer; 2] {
    [
        Peer { library: "http-message-signatures for Python", process: Process::python("messages.py") },
        Peer { library: "http-message-signatures for Node", process: Process::node("messages.mjs") },
    ]
}

impl Peer {
    /// Signs in a way of its own: covered components and parameters in any order, any label.
    pub(crate) fn sign(&mut self, dice: &mut Dice, server: &Server, message: &mut Message, covered: &[String]) {
        let created = SystemClock.now().as_secs();
        let mut order = ["created", "expires", "keyid", "alg", "nonce", "tag"];
        dice.shuffle(&mut order);
        let nonce: String = (0..16 + dice.below(49)).map(|_| dice.one_of(&['a', 'Z', '0', '-', '_'])).collect();
        let signed = self.process.ask(&json!({
            "op": "sign",
            "request": message.json(),
            "key": hex(server.key.expose_secret()),
            "keyid": server.session_id.to_string(),
            "created": created,
            "expires": dice.once_in(3).then_some(created + 60),
            "nonce": nonce,
            "tag": Candidate::TAG,
            "label": dice.one_of(&["sig1", "pyhms", "x", "a-b_c.d*"]),
            "alg": dice.once_in(2),
            "covered": covered,
            "order": order,
        }));
        let signed = signed.unwrap_or_else(|error| panic!("{}: {error} {message:?}", self.library));
        for (name, member) in [("signature-input", "signature_input"), ("signature", "signature")] {
            message.headers.push((name.into(), signed[member].as_str().unwrap().to_owned()));
        }
    }

    pub(crate) fn verify(&mut self, server: &Server, message: &Message) -> Result<(), String> {
        let request = json!({
            "op": "verify",
            "request": message.json(),
            "key": hex(server.key.expose_secret()),
            "keyid": server.session_id.to_string(),
            "tag": Candidate::TAG,
            "body": hex(message.body.as_deref().unwrap_or_default()),
        });
        self.process.ask(&request).map(drop)
    }

    pub(crate) fn verify_response(&mut self, asked: &Value) -> Result<(), String> {
        self.process.ask(asked).map(drop)
    }
}
