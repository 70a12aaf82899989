"""Ports on 127.0.0.1."""

import socket

from cryptopay.devnet.errors import PortTaken

HOST = "127.0.0.1"


def free() -> int:
    """A port nobody listens on at this moment; whoever binds it must be ready to ask for another."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
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
