"""What the gateway sends, verified by `standardwebhooks` of PyPI."""

import http.server
import importlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ports import free_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(http.server.BaseHTTPRequestHandler):
    received = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append((body, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def message(tmp_path):
    """The body and the header fields of a test event."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "secret").write_text(SECRET)
    public, admin = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    config = {
        "public_url": f"http://{public}",
        "listeners": [{"address": public}],
        "admin": {"address": admin},
        "store": {"path": str(tmp_path / "store.redb")},
        "webhooks": [
            {
                "name": "app",
                "url": f"http://127.0.0.1:{server.server_port}/",
                "secrets": [f"file:{tmp_path / 'secret'}"],
                "allow_private_networks": True,
            }
        ],
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    binary = os.environ["VESTIBULE_BIN"]
    command = [binary, "serve", "--config", str(tmp_path / "config.yaml")]
    gateway = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ready = [binary, "ready", "--admin", f"http://{admin}"]
        while subprocess.run(ready, capture_output=True).returncode != 0:
            assert gateway.poll() is None, "the gateway has ended"
        test = [binary, "events", "test", "app", "--admin", f"http://{admin}"]
        tested = subprocess.run(test, capture_output=True, text=True)
        assert tested.returncode == 0, tested.stdout + tested.stderr
        yield Receiver.received[-1]
    finally:
        gateway.terminate()
        gateway.wait()
        server.shutdown()


def test_the_example_of_the_documentation(message, monkeypatch):
    body, headers = message
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    verify = importlib.import_module("verify_webhook").verify
    assert verify(body, headers)["eventName"] == "webhook.test"
    with pytest.raises(Exception, match="No matching signature"):
        verify(body.replace(b"webhook", b"Webhook"), headers)
    sys.modules.pop("verify_webhook")
