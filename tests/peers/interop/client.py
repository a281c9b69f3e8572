"""A client that knows nothing of pinlatch: requests, and its plug-in for RFC 9421. Prints what it was told."""

import base64
import json
import sys

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import MappingKeyResolver
from requests_http_signature import HTTPSignatureAuth, algorithms

given = json.load(sys.stdin)


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


session = requests.Session()
session.trust_env = False
session.headers["Authorization"] = f"Bearer {given['access_token']}"
nonce = "0123456789abcdefghijkl"
session.headers["Accept-Signature"] = f'answer=("@status");created;nonce="{nonce}";tag="pinlatch-response/1"'
session.auth = HTTPSignatureAuth(
    signature_algorithm=algorithms.HMAC_SHA256,
    key=decode(given["request_key"]),
    key_id=given["session_id"],
    covered_component_ids=given["covered"],
    tag="pinlatch-request/1",
    use_nonce=True,
)
public_key = Ed25519PublicKey.from_public_bytes(decode(given["server_key"]["x"]))
server = MappingKeyResolver(private_keys={}, public_keys={given["server_key"]["kid"]: public_key})


def authentic(response):
    components = ["@status", "content-digest", "content-type", '"@method";req', '"@authority";req', '"@path";req']
    if "signature" not in response.headers:
        return False
    result = HTTPSignatureAuth.verify(
        response,
        require_components=[*components, '"@query";req', '"authorization";req', '"signature";req'],
        signature_algorithm=algorithms.ED25519,
        key_resolver=server,
        expect_tag="pinlatch-response/1",
    )
    return result.parameters["nonce"] == nonce and result.label == "answer"


def heard(response):
    return {"status": response.status_code, "body": response.json(), "authentic": authentic(response)}


def signed(path):
    request = requests.Request("POST", given["url"] + path, json={"to": "bob", "amount": 5})
    return session.prepare_request(request)


transfer = signed("/api/transfer?a=%20b")
answers = [heard(session.send(transfer)), heard(session.send(transfer))]
changed = signed("/api/transfer")
changed.body = changed.body.replace(b"5", b"9")
answers.append(heard(session.send(changed)))
session.auth.covered_component_ids = [name for name in given["covered"] if name != "content-type"]
answers.append(heard(session.get(given["url"] + "/api/me")))
print(json.dumps(answers))
