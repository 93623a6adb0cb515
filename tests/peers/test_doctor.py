"""`vestibule doctor` finds the faults that are in deliberately weak proxies, and none in the gateway."""

import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ports import free_port

BINARY = os.environ["VESTIBULE_BIN"]
WEAK = pathlib.Path(__file__).parent.parent / "doctor"
sys.path.insert(0, str(WEAK))

import weak_verifier  # noqa: E402

ISSUER = "https://id.example"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)

# What each of them is to be found with; more may be.
FAULTS = {
    "nginx": """
        identity.forged identity.underscore forwarded.for forwarded.proto forwarded.rfc7239
        forwarded.client-ip forwarded.client-certificate override.path override.method field.httpoxy
        path.case path.empty-segments path.parameters path.backslash path.suffix
        framing.h2c-upgrade proxy.open host.any token.alg-none token.algorithm-confusion token.weak-secret
        token.zero-signature token.embedded-key token.key-fetched token.kid-path token.expired
        token.foreign token.query token.leaked cors.any-origin cors.null-origin cors.lookalike-origin
        cookie.flags exposed.metrics exposed.files exposed.version
    """,
    "caddy": """
        identity.forged forwarded.for forwarded.proto forwarded.host method.bypass path.suffix
        cookie.twins cookie.cross-site websocket.origin token.leaked exposed.metrics
    """,
    "haproxy": """
        identity.duplicated forwarded.for path.case path.encoded path.dot-segments
        path.empty-segments token.expired token.foreign exposed.admin tls.certificate
        tls.old-version tls.hsts
    """,
    "envoy": """
        identity.forged identity.underscore forwarded.for path.case path.dot-segments
        cors.lookalike-origin token.foreign token.query token.leaked
        exposed.admin exposed.metrics
    """,
}


def await_port(port, process):
    for _ in range(300):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "it has ended"
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}")


def jwk():
    numbers = KEY.public_key().public_numbers()
    part = lambda number: base64.urlsafe_b64encode(  # noqa: E731
        number.to_bytes((number.bit_length() + 7) // 8)
    ).rstrip(b"=").decode()
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k", "n": part(numbers.n), "e": part(numbers.e)}


def token(**changed):
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "u", "aud": "app", "iat": now - 60, "exp": now + 600} | changed
    return jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "k"})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "issuer.pem").write_bytes(PEM)
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [jwk()]}))
    now = int(time.time())
    for name, text in {
        "token": token(),
        "expired": token(exp=now - 3600),
        "audience": token(aud="another"),
        "issuer": token(iss="https://id.invalid"),
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=app.test",
         "-keyout", "server.key", "-out", "server.crt"],
        cwd=tmp_path, check=True, capture_output=True,
    )
    both = (tmp_path / "server.crt").read_text() + (tmp_path / "server.key").read_text()
    (tmp_path / "server.pem").write_text(both)
    return tmp_path


@pytest.fixture
def running():
    """Processes that end with the test."""
    started = []

    def start(command, port, cwd):
        process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=sys.stderr)
        started.append(process)
        await_port(port, process)
        return process

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(timeout=20)


def command(name, folder, ports):
    """The proxy's command line, with its weak configuration filled in."""
    files = {"nginx": "nginx.conf", "caddy": "Caddyfile", "haproxy": "haproxy.cfg", "envoy": "envoy.yaml"}
    text = (WEAK / files[name]).read_text()
    for placeholder, value in {"folder": folder, **ports}.items():
        text = text.replace(f"@{placeholder}@", str(value))
    file = folder / files[name]
    file.write_text(text)
    if name == "envoy":
        import envoy

        envoy_binary = pathlib.Path(envoy.__file__).parent / "_bin" / "envoy"
        return [envoy_binary, "-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    return {
        "nginx": ["nginx", "-p", folder, "-c", file, "-e", "stderr"],
        "caddy": ["caddy", "run", "--config", file, "--adapter", "caddyfile"],
        "haproxy": ["haproxy", "-db", "-f", file],
    }[name]


def doctor(folder, url, echo, *more):
    command = [BINARY, "doctor", "--url", url, "--echo", f"127.0.0.1:{echo}", "--format", "json",
               "--token", "token", "--jwks", "keys.json", "--must-refuse", "expired",
               "--must-refuse", "audience", "--must-refuse", "issuer", *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    # No token is in a report, not even a part of one.
    assert (folder / "token").read_text()[:40] not in done.stdout
    assert (done.returncode == 1) == bool(report["findings"])
    return report


@pytest.mark.parametrize("name", FAULTS)
def test_the_faults_of_a_weak_proxy_are_found(name, folder, running):
    ports = {each: free_port() for each in ("port", "echo", "verifier", "admin")}
    verifier = weak_verifier.serve(ports["verifier"], PEM)
    threading.Thread(target=verifier.serve_forever, daemon=True).start()
    try:
        running(command(name, folder, ports), ports["port"], folder)
        scheme = "https" if name == "haproxy" else "http"
        more = ["--cookie", "session"] if name == "caddy" else []
        url = f"{scheme}://127.0.0.1:{ports['port']}/echo"
        report = doctor(folder, url, ports["echo"], "--protected", "/admin", *more)
    finally:
        verifier.shutdown()
        verifier.server_close()
    found = {finding["id"] for finding in report["findings"]}
    expected = set(FAULTS[name].split())
    assert expected <= found, f"not found: {sorted(expected - found)}; found: {sorted(found)}"
    for finding in report["findings"]:
        assert finding["reference"] and finding["remedy"] and finding["evidence"]


def test_more_than_twenty_five_kinds_are_seeded():
    kinds = {kind for faults in FAULTS.values() for kind in faults.split()}
    assert len(kinds) >= 40


def await_ready(port):
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready"):
                return
        except urllib.error.HTTPError as error:
            assert error.code == 503
        except urllib.error.URLError:
            # The public listener was opened a moment before this one.
            pass
        time.sleep(0.05)
    raise AssertionError("it does not get ready")


def gateway(folder, running, ports, **changed):
    keys = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(ports["verifier"]), "--bind", "127.0.0.1", "-d", folder],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    await_port(ports["verifier"], keys)
    config = {
        "public_url": f"http://127.0.0.1:{ports['port']}",
        "listeners": [{"address": f"127.0.0.1:{ports['port']}"}],
        "admin": {"address": f"127.0.0.1:{ports['admin']}"},
        "store": {"path": str(folder / "store.redb")},
        "issuers": [{
            "name": "id", "iss": ISSUER, "aud": "app", "cookie_name": "session",
            "jwks_url": f"http://127.0.0.1:{ports['verifier']}/keys.json",
        }],
        "forward": {"identity": {"X-User-Email": "{user.email}", "X-User-Id": "{user.id}"}},
        "upstreams": {"app": {"servers": [f"127.0.0.1:{ports['echo']}"]}},
        "routes": [
            {"host": "127.0.0.1", "path": "/", "auth": "optional", "upstream": "app"},
            {"host": "127.0.0.1", "path": "/admin", "upstream": "app"},
        ],
        **changed,
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    try:
        running([BINARY, "serve", "--config", "config.yaml"], ports["port"], folder)
        await_ready(ports["admin"])
    finally:
        keys.terminate()
        keys.wait()


@pytest.mark.parametrize("carrier", [[], ["--cookie", "session"]])
def test_the_gateway_has_none(carrier, folder, running):
    ports = {each: free_port() for each in ("port", "echo", "verifier", "admin")}
    gateway(folder, running, ports)
    url = f"http://127.0.0.1:{ports['port']}/echo"
    own = ["--identity-field", "X-User-Email", "--identity-field", "X-User-Id"]
    report = doctor(folder, url, ports["echo"], "--protected", "/admin", *own, *carrier)
    found = [f"{finding['id']}: {one}" for finding in report["findings"] for one in finding["evidence"]]
    assert not found, "\n".join(found)
    assert report["skipped"] == []
    assert report["probes"] > 150


def test_public_hosts_are_somebodys(folder):
    command = [BINARY, "doctor", "--url", "http://192.0.2.1/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 64
    assert "--i-own-this" in done.stderr


def test_sarif_is_of_its_schema_version(folder, running):
    port = free_port()
    running([sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", folder], port, folder)
    command = [BINARY, "doctor", "--url", f"http://127.0.0.1:{port}/", "--format", "sarif"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["version"] == "2.1.0"
    run = report["runs"][0]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert "exposed.files" in ids and "exposed.version" in ids
    assert all(ids[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


def test_a_configuration_is_read_for_what_it_means(tmp_path):
    file = tmp_path / "config.yaml"
    issuer = {"name": "id", "iss": ISSUER, "jwks_url": f"{ISSUER}/keys"}
    weak = {
        "public_url": "http://app.example.com",
        "listeners": [{"address": "127.0.0.1:8080"}],
        "issuers": [issuer],
        "upstreams": {"app": {"servers": ["127.0.0.1:3000"]}},
        "routes": [{"path": "/", "auth": "none", "upstream": "app"}, {"path": "/admin", "upstream": "app"}],
    }
    good = weak | {
        "public_url": "https://app.example.com",
        "trusted_proxies": ["127.0.0.1/32"],
        "issuers": [issuer | {"aud": "app"}],
        "routes": [{"path": "/", "auth": "optional", "upstream": "app"}, {"path": "/admin", "upstream": "app"}],
    }
    found = []
    for config in (weak, good):
        file.write_text(json.dumps(config))
        command = [BINARY, "doctor", "--config", str(file), "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode in (0, 1), done.stderr
        found.append({finding["id"] for finding in json.loads(done.stdout)["findings"]})
    assert {"config.open-route", "config.no-audience", "config.plain-http"} <= found[0]
    assert not {"config.open-route", "config.no-audience", "config.plain-http"} & found[1]
