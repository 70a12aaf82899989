"""A throw-away PostgreSQL that loses nothing it has promised, and that can be made to crash."""

import contextlib
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from cryptopay.devnet import places, postgres

_PATIENCE_SECONDS = 60


class Server:
    """The running server. Every way to crash it ends the sessions of all; `restart` recovers what was committed."""

    def __init__(self, folder: Path) -> None:
        self._data, self._log = folder / "postgres", folder / "postgres.log"
        self._running = postgres.start(self._data, self._log, durable=True)

    @property
    def url(self) -> str:
        return self._running.url

    def stop(self) -> None:
        self._running.stop()

    def shut_immediately(self) -> None:
        """As `pg_ctl stop -m immediate`: no checkpoint, sessions are cut."""
        psutil.Process(self._running.child.pid).send_signal(signal.SIGQUIT)
        self._wait_for_the_end()

    def kill(self) -> None:
        """SIGKILL to the postmaster and to every process of it at once."""
        postmaster = psutil.Process(self._running.child.pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._wait_for_the_end()
        psutil.wait_procs(family[1:], timeout=_PATIENCE_SECONDS)

    def kill_a_session(self, backend_pid: int) -> None:
        """SIGKILL to one session's process: the postmaster cuts all others and recovers by itself."""
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(backend_pid).kill()

    def restart(self) -> None:
        """Back on the same data and address, or still there."""
        if self._running.child.ended():
            url = self.url
            self._running = postgres.start(self._data, self._log, durable=True)
            if self.url != url:
                raise RuntimeError("the server has moved")
        self._wait_until_it_answers()

    def ask(self, question: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(question.encode()).fetchall()

    def _wait_for_the_end(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._running.child.ended():
            if time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL does not end")
            time.sleep(0.01)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self.ask("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


_running: list[Server] = []


@contextmanager
def throw_away() -> Iterator[Server]:
    """Never the server that the environment names: this one is crashed on purpose."""
    folder = places.temporary_folder("torture")
    folder.chmod(0o711)  # the database's own user passes through
    try:
        server = Server(folder)
        _running.append(server)
        try:
            yield server
        finally:
            _running.remove(server)
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def current() -> Server:
    """The one this process's trial works on."""
    return _running[-1]
