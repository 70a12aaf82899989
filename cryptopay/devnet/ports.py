"""Ports on 127.0.0.1."""

import secrets
import socket

from cryptopay.devnet.errors import PortTaken

HOST = "127.0.0.1"
SERVERS = range(20_000, 32_000)
"""Below the ports that systems lend to outgoing connections, so that no connection takes one before its server does."""


def free() -> int:
    """A port nobody uses at this moment; whoever binds it must be ready to ask for another."""
    while True:
        port = secrets.choice(SERVERS)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def require_free(port: int) -> None:
    """Raises `PortTaken` if something listens on `port`."""
    with socket.socket() as probe:
        # A port in TIME_WAIT after the last run is free for a server; only a listener is in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as taken:
            message = f"Port {port} on {HOST} is taken by another program"
            raise PortTaken(message, fix=f"PORT={port + 1} make run") from taken
