"""Ports of loopback for the servers of the tests."""

import random
import socket

# Below the ports that systems hand out by themselves: neither a connection nor a listener on port 0
# can take one meanwhile.
RANGE = range(10_000, 30_000)

# A name of the system's for each port, which goes with this process.
_reserved = []


def free_port():
    """A port that nobody listened on a moment ago, and that no other test is given while this process runs."""
    while True:
        port = random.choice(RANGE)
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0vestibule-test-port-{port}")
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            name.close()
            continue
        _reserved.append(name)
        return port
