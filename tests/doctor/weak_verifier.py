"""An authentication service with the faults of many: for the tests of `vestibule doctor` only."""

import base64
import hashlib
import hmac
import http.server
import json
import urllib.parse
import urllib.request
from http.cookies import SimpleCookie

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def of_jwk(jwk):
    number = lambda name: int.from_bytes(decoded(jwk[name]))  # noqa: E731
    return ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()


def accepts(token, pem):
    """Believes the header: its algorithm, its keys, the file that it names. Looks at no claim."""
    head, claims, signature = token.split(".")
    header, signed, signature = json.loads(decoded(head)), f"{head}.{claims}".encode(), decoded(signature)
    match header["alg"].lower():
        case "none":
            return signature == b""
        case "hs256":
            secrets = [pem, b"secret"]
            if "/" in header.get("kid", ""):
                with open("/" + header["kid"].replace("../", ""), "rb") as file:
                    secrets.append(file.read())
            tags = [hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets]
            return signature in tags
        case "es256":
            key = header.get("jwk")
            if "jku" in header:
                with urllib.request.urlopen(header["jku"], timeout=1) as answer:
                    key = json.load(answer)["keys"][0]
            r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
            if r == 0 and s == 0:
                return True
            of_jwk(key).verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
            return True
        case "rs256":
            key = serialization.load_pem_public_key(pem)
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            return True
    return False


def tokens(fields):
    """From wherever somebody may have put one."""
    for value in fields.get_all("Authorization", []):
        yield value.removeprefix("Bearer ")
    for cookie in fields.get("Cookie", "").split("; "):
        for morsel in SimpleCookie(cookie).values():
            yield morsel.value
    target = fields.get("X-Original-URI") or fields.get("X-Forwarded-Uri") or ""
    yield from urllib.parse.parse_qs(urllib.parse.urlsplit(target).query).get("access_token", [])


def serve(port, pem):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            is_known = False
            for token in tokens(self.headers):
                try:
                    is_known = is_known or accepts(token, pem)
                except (InvalidSignature, ValueError, KeyError, TypeError, OSError):
                    pass
            self.send_response(200 if is_known else 401)
            if is_known:
                self.send_header("X-User-Email", "user@example.com")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
