"""Signs and verifies messages with http-message-signatures. Reads a request per line, writes an answer per line."""

import datetime
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver, algorithms


class Request:
    def __init__(self, fields):
        self.method, self.url, self.headers = fields["method"], fields["url"], dict(fields["headers"])


class Response:
    def __init__(self, fields, request):
        self.status_code, self.headers, self.request = fields["status"], dict(fields["headers"]), Request(request)


def time(secs):
    return secs and datetime.datetime.fromtimestamp(secs, datetime.timezone.utc)


def sign(request):
    key = bytes.fromhex(request["key"])
    keys = MappingKeyResolver(private_keys={request["keyid"]: key}, public_keys={})
    message = Request(request["request"])
    HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=keys).sign(
        message,
        key_id=request["keyid"],
        created=time(request["created"]),
        expires=time(request["expires"]),
        nonce=request["nonce"],
        label=request["label"],
        tag=request["tag"],
        include_alg=request["alg"],
        covered_component_ids=request["covered"],
        use_existing_digest="content-digest" in message.headers,
    )
    return {"signature_input": message.headers["Signature-Input"], "signature": message.headers["Signature"]}


def verify(request):
    key = bytes.fromhex(request["key"])
    keys = MappingKeyResolver(private_keys={}, public_keys={request["keyid"]: key})
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=keys)
    body = bytes.fromhex(request["body"])
    age = datetime.timedelta(seconds=60)
    verifier.verify(Request(request["request"]), max_age=age, expect_tag=request["tag"], body=body)
    return True


def verify_response(request):
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(request["key"]))
    keys = MappingKeyResolver(private_keys={}, public_keys={request["keyid"]: key})
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=keys)
    response = Response(request["response"], request["request"])
    verifier.verify(response, expect_tag=request["tag"], body=bytes.fromhex(request["body"]))
    return True


OPERATIONS = {"sign": sign, "verify": verify, "verify_response": verify_response}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": OPERATIONS[request["op"]](request)}
    except Exception as error:  # Whatever a library raises is its way to say no.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
