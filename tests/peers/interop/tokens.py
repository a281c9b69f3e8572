"""Signs and verifies tokens with PyJWT and joserfc. Reads a request per line, writes an answer per line, both JSON."""

import base64
import json
import sys

import joserfc.jwt
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import KeySet, OctKey, OKPKey


def unpadded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def joserfc_key(request):
    secret = bytes.fromhex(request["secret"])
    if request["alg"] == "HS256":
        return OctKey.import_key({"kty": "oct", "k": unpadded(secret)})
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "d": unpadded(secret), "x": unpadded(public)})


def pyjwt_key(request):
    secret = bytes.fromhex(request["secret"])
    return secret if request["alg"] == "HS256" else Ed25519PrivateKey.from_private_bytes(secret)


def sign(request):
    request["header"] = json.loads(request["header"])
    if request["library"] == "PyJWT":
        header = {name: value for name, value in request["header"].items() if name != "alg"}
        return jwt.encode(request["claims"], pyjwt_key(request), algorithm=request["alg"], headers=header, sort_headers=False)
    return joserfc.jwt.encode(request["header"], request["claims"], joserfc_key(request), algorithms=[request["alg"]])


def verify(request):
    """With the key set where there is one, as any service would."""
    token, algorithms = request["token"], [request["alg"]]
    if request["library"] == "PyJWT":
        if request["alg"] == "HS256":
            key = pyjwt_key(request)
        else:
            kid = jwt.get_unverified_header(token)["kid"]
            key = jwt.PyJWKSet.from_json(request["jwks"])[kid].key
        required = {"require": ["iss", "sub", "aud", "exp", "iat", "jti"]}
        names = {"audience": request["audience"], "issuer": request["issuer"]}
        return jwt.decode(token, key, algorithms=algorithms, options=required, **names)
    key = joserfc_key(request) if request["alg"] == "HS256" else KeySet.import_key_set(json.loads(request["jwks"]))
    decoded = joserfc.jwt.decode(token, key, algorithms=algorithms)
    names = {"iss": {"essential": True, "value": request["issuer"]}, "aud": {"essential": True, "value": request["audience"]}}
    joserfc.jwt.JWTClaimsRegistry(**names, exp={"essential": True}).validate(decoded.claims)
    return decoded.claims


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": {"sign": sign, "verify": verify}[request["op"]](request)}
    except Exception as error:  # Whatever a library raises is its way to say no.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
