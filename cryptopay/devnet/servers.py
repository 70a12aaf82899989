"""PostgreSQL and Valkey for one run of something, thrown away after it: tests, checks, the benchmark."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from cryptopay.devnet import environment, logins, places, postgres, valkey


@contextmanager
def throw_away(*, durable: bool = False, shared_buffers: str = "64MB") -> Iterator[dict[str, str]]:
    """Settings for a run of its own. A server named by the environment is used instead of an embedded one.

    It begins empty, and its DATABASE_URL must be that of a superuser: tests also do what only one may.
    """
    with ExitStack() as stack:
        settings = environment.for_tests()
        folder = places.temporary_folder("run")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o711)  # the database's own user passes through
        if not os.environ.get("DATABASE_URL"):
            database = postgres.start(
                folder / "postgres", folder / "postgres.log", durable=durable, shared_buffers=shared_buffers
            )
            stack.callback(database.stop)
            settings["DATABASE_URL"] = database.url
        settings |= logins.beside(settings.get("DATABASE_URL") or os.environ["DATABASE_URL"])
        if not os.environ.get("REDIS_URL"):
            broker = valkey.start(folder / "valkey.log")
            stack.callback(broker.stop)
            settings["REDIS_URL"] = broker.url
        yield settings
