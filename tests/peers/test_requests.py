"""Python's `requests` through the gateway to Python's own HTTP server."""

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from ports import free_port


class Issuer(BaseHTTPRequestHandler):
    key = ec.generate_private_key(ec.SECP256R1())

    def do_GET(self):
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        body = json.dumps({"keys": [{**jwk, "kid": "one", "alg": "ES256"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Site:
    def __init__(self, folder, certificate=None, listener=None, **settings):
        self.issuer = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
        threading.Thread(target=self.issuer.serve_forever, daemon=True).start()
        self.iss = f"http://127.0.0.1:{self.issuer.server_port}"
        self.upstream = subprocess.Popen(
            [sys.executable, "upstream.py"], stdout=subprocess.PIPE, text=True
        )
        server = f"127.0.0.1:{int(self.upstream.stdout.readline())}"
        address, admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.url = f"{'https' if certificate else 'http'}://{address}"
        listener = {"address": address, **(listener or {})}
        if certificate:
            listener["tls"] = {"certificates": [certificate]}
        config = {
            "public_url": self.url,
            "listeners": [listener],
            "admin": {"address": admin},
            "store": {"path": str(folder / "vestibule.redb")},
            "issuers": [
                {
                    "name": "acme",
                    "iss": self.iss,
                    "jwks_url": self.iss,
                    "cookie_name": "acme_token",
                    "required_for_ready": True,
                }
            ],
            "upstreams": {"app": {"servers": [server]}},
            "routes": [{"path": "/", "upstream": "app"}],
            **settings,
        }
        file = folder / "config.yaml"
        file.write_text(json.dumps(config))
        self.gateway = subprocess.Popen(
            [os.environ["VESTIBULE_BIN"], "serve", "--config", str(file)],
            stderr=subprocess.DEVNULL,
        )
        wait_until_ready(f"http://{admin}/ready")

    def token(self, subject="ada"):
        now = int(time.time())
        claims = {"iss": self.iss, "sub": subject, "iat": now, "exp": now + 600}
        return jwt.encode(claims, Issuer.key, algorithm="ES256", headers={"kid": "one"})

    def seen(self):
        """The next request that the upstream saw."""
        return json.loads(self.upstream.stdout.readline())

    def stop(self):
        self.gateway.terminate()
        ended = self.gateway.wait(60)
        self.upstream.kill()
        self.upstream.communicate()
        self.issuer.shutdown()
        self.issuer.server_close()
        assert ended == 0


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("requests"))
    yield site
    site.stop()


@pytest.fixture(scope="module")
def secure_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("requests-tls")
    names = {name: str(folder / f"site.{name}") for name in ("cert", "key")}
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=site", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-out", names["cert"], "-keyout", names["key"]]
    subprocess.run(command, check=True, capture_output=True)
    site = Site(folder, names)
    site.authority = names["cert"]
    yield site
    site.stop()


def test_a_session_of_requests_over_tls(secure_site):
    site = secure_site
    with requests.Session() as client:
        # Else authorities that the environment names would take precedence.
        client.trust_env = False
        client.verify = site.authority
        assert client.get(f"{site.url}/page").status_code == 401
        client.headers["Authorization"] = f"Bearer {site.token()}"
        pieces = [b"piece %d " % number for number in range(1000)]
        for body in (b"".join(pieces), iter(pieces)):
            assert client.post(f"{site.url}/page", data=body).status_code == 200
            seen = site.seen()
            assert seen["target"] == "/page"
            assert seen["body"].encode() == b"".join(pieces)
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{site.url}/page")


def test_a_session_of_requests_keeps_its_connection_and_its_user(site):
    external = site.token()
    with requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {external}"
        subjects = set()
        for number in range(3):
            answer = client.get(f"{site.url}/page/{number}", params={"q": "ä b"})
            assert answer.status_code == 200
            seen = site.seen()
            assert seen["target"] == f"/page/{number}?q=%C3%A4+b"
            session = seen["authorization"].removeprefix("Bearer ")
            assert session != external
            subjects.add(jwt.decode(session, options={"verify_signature": False})["sub"])
        assert len(subjects) == 1


def test_a_cookie_is_a_credential(site):
    with requests.Session() as client:
        client.cookies.set("acme_token", site.token("grace"))
        assert client.get(f"{site.url}/cookie").status_code == 200
        assert site.seen()["authorization"].startswith("Bearer ")


def test_bodies_of_both_framings_arrive_whole(site):
    headers = {"Authorization": f"Bearer {site.token()}"}
    pieces = [b"piece %d " % number for number in range(1000)]
    for body in (b"".join(pieces), iter(pieces)):
        answer = requests.post(f"{site.url}/body", data=body, headers=headers)
        assert answer.status_code == 200
        assert site.seen()["body"].encode() == b"".join(pieces)


def test_without_a_credential_it_is_refused(site):
    answer = requests.get(f"{site.url}/page")
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_missing"


def wait_until_ready(url):
    for _ in range(300):
        try:
            if requests.get(url, timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise AssertionError("the gateway is not ready in time")
