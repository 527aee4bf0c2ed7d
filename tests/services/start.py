"""Waiting for servers that tests start."""

import socket
import time
from collections.abc import Callable

START_SECONDS = 30


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as each:
        port: int = each.getsockname()[1]
        return port


def greets(port: int) -> bool:
    """Whether an SMTP server answers there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as probe:
            greeted = probe.recv(4) == b"220 "
            probe.sendall(b"QUIT\r\n")
            return greeted
    except OSError:
        return False


def listens(port: int) -> bool:
    """Whether anybody takes connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def wait_until(
    holds: Callable[[], bool], what: str, told: Callable[[], str] = lambda: "", seconds: float = START_SECONDS
) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}: {told()}")
        time.sleep(0.05)
