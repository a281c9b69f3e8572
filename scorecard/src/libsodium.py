"""Argon2id of the system's libsodium: a request per line in JSON, an answer per line."""

import ctypes
import json
import sys

sodium = ctypes.CDLL("libsodium.so.23")
if sodium.sodium_init() < 0:
    sys.exit("libsodium does not start")
sodium.sodium_version_string.restype = ctypes.c_char_p
sodium.crypto_pwhash.argtypes = [
    ctypes.c_char_p, ctypes.c_ulonglong, ctypes.c_char_p, ctypes.c_ulonglong, ctypes.c_char_p,
    ctypes.c_ulonglong, ctypes.c_size_t, ctypes.c_int,
]
ARGON2ID13 = 2
key = ctypes.create_string_buffer(32)


def evaluate(passes, size):
    """Raises unless the library has computed it."""
    failed = sodium.crypto_pwhash(key, 32, b"739216", 6, b"sixteen bytes..!", passes, size, ARGON2ID13)
    if failed:
        raise MemoryError("crypto_pwhash")


for line in sys.stdin:
    request = json.loads(line)
    try:
        if request == "version":
            answer = sodium.sodium_version_string().decode()
        else:
            answer = evaluate(request["passes"], request["bytes"])
        print(json.dumps({"ok": answer}), flush=True)
    except MemoryError as error:
        print(json.dumps({"error": str(error)}), flush=True)
