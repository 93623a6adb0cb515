"""An upstream on Python's own HTTP server: tells on standard output what it saw, a line a request.

The first line is its port. Chunked bodies are read as RFC 9112 has them, which the library leaves
to its handlers.
"""

import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Two requests must not write into one line.
ONE_AT_A_TIME = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.read_body()
        seen = {
            "target": self.path,
            "method": self.command,
            "authorization": self.headers.get("Authorization"),
            "body": body.decode("latin-1"),
        }
        with ONE_AT_A_TIME:
            print(json.dumps(seen), flush=True)
        text = self.path.encode("latin-1")
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Seen", self.path)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
# SIGINT is ignored in what a script runs in its background; this ends it wherever it runs.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server.serve_forever()
