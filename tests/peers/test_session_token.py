"""Session tokens of `vestibule demo`, verified by PyJWT against the gateway's key set."""

import os
import re
import signal
import subprocess
import urllib.request
import uuid

import jwt
import pytest


class Demo:
    def __init__(self):
        self.process = subprocess.Popen(
            [os.environ["VESTIBULE_BIN"], "demo", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        said = ""
        for line in self.process.stdout:
            said += line
            if "Ctrl-C ends it." in line:
                break
        self.url = re.search(r"http://127\.0\.0\.1:\d+", said).group()
        self.provider = re.search(r"issuer +(\S+)", said).group(1)
        self.issuer = self.url + "/_vestibule"
        self.keys = jwt.PyJWKClient(self.issuer + "/.well-known/jwks.json")

    def external_token(self, user="ada"):
        return get(f"{self.provider}/token?user={user}")

    def session_token(self, external):
        """The token that reaches the upstream, which answers with the request's bytes."""
        request = get(self.url + "/private", {"Authorization": "Bearer " + external})
        assert external not in request
        return re.search(r"^authorization: bearer (\S+)\r?$", request, re.I | re.M).group(1)

    def verify(self, token, **changes):
        expected = {"issuer": self.issuer, "audience": self.url, **changes}
        key = self.keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["ES256"], **expected)


@pytest.fixture(scope="module")
def demo():
    demo = Demo()
    yield demo
    demo.process.send_signal(signal.SIGTERM)
    demo.process.communicate(timeout=60)
    assert demo.process.returncode == 0


def test_a_session_token_is_verified(demo):
    claims = demo.verify(demo.session_token(demo.external_token()))
    assert uuid.UUID(claims["sub"]).version == 7
    assert claims["email"] == "ada@example.com"
    assert "user:basic" in claims["scope"].split()


def test_another_issuer_is_refused(demo):
    token = demo.session_token(demo.external_token())
    with pytest.raises(jwt.InvalidIssuerError):
        demo.verify(token, issuer=demo.url)


def test_another_audience_is_refused(demo):
    token = demo.session_token(demo.external_token())
    with pytest.raises(jwt.InvalidAudienceError):
        demo.verify(token, audience="https://another.example")


def test_an_external_token_is_no_session_token(demo):
    with pytest.raises(jwt.PyJWKClientError):
        demo.verify(demo.external_token())


def test_a_changed_token_is_refused(demo):
    header, payload, signature = demo.session_token(demo.external_token()).split(".")
    first = "A" if signature[0] != "A" else "B"
    with pytest.raises(jwt.InvalidSignatureError):
        demo.verify(".".join([header, payload, first + signature[1:]]))


def test_one_person_is_one_user(demo):
    first, second, other = (
        demo.verify(demo.session_token(demo.external_token(user)))
        for user in ("grace", "grace", "linus")
    )
    assert first["sub"] == second["sub"] != other["sub"]


def get(url, headers={}):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return answer.read().decode()
