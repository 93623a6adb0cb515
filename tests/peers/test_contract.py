"""schemathesis asks everything that the OpenAPI document describes, and much that it does not, as
a stranger and as somebody who is known."""

import base64
import os
import pathlib
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from test_requests import Issuer, Site

ENVIRONMENT = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d"
SECRET = "correct horse battery staple"
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
]
HOOKS = pathlib.Path(__file__).with_name("contract_hooks.py").resolve()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contract")
    secret = folder / "secret"
    secret.write_text(SECRET)
    rates = ["sign_in_per_client", "sign_in_per_user", "step_up_per_client", "step_up_per_user"]
    site = Site(
        folder,
        environment_id=ENVIRONMENT,
        listener={"forward_auth": True},
        trusted_proxies=["127.0.0.1/32"],
        clients=[{"id": "billing", "secret": f"file:{secret}"}],
        step_up={"scopes": ["wallet:export"]},
        limits={"rates": dict.fromkeys([*rates, "failed_per_client"], "1000000/1m")},
    )
    yield site
    site.stop()


@pytest.mark.parametrize("known", [False, True], ids=["a stranger", "somebody known"])
def test_every_answer_is_documented(site, known, tmp_path):
    environment = {**os.environ, "NO_COLOR": "1"}
    seen = tmp_path / "seen"
    if known:
        key = Issuer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        environment |= {
            "SCHEMATHESIS_HOOKS": str(HOOKS),
            "CONTRACT_ISS": site.iss,
            "CONTRACT_URL": site.url,
            "CONTRACT_ENVIRONMENT": ENVIRONMENT,
            "CONTRACT_KEY": base64.b64encode(key).decode(),
            "CONTRACT_CLIENT": f"billing:{SECRET}",
            "CONTRACT_SEEN": str(seen),
        }
    program = pathlib.Path(sys.executable).with_name("schemathesis")
    arguments = ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"]
    bounds = ["--max-examples", "8", "--seed", "1", "--no-shrink", "--continue-on-failure"]
    ended = subprocess.run(
        [program, "run", f"{site.url}/_vestibule/openapi.json", *arguments, *bounds,
         "--warnings", "off"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    if known:
        answers = [line.rsplit(" ", 1) for line in seen.read_text().splitlines()]
        granted = {operation for operation, status in answers if status.startswith("2")}
        asked = {operation for operation, status in answers if status != "405"}
        # The first needs a logout token, the others fields of another proxy or a device's key. There is
        # no login page.
        refused = {"POST /_vestibule/backchannel-logout", "GET /_vestibule/oauth/authorize"}
        refused |= {operation for operation in asked if operation.endswith("/check")}
        refused |= {operation for operation in asked if "/device-bound/" in operation}
        assert asked - granted <= refused
