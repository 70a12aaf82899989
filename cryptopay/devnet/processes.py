"""Child processes that never outlive the one that started them, however that one ends."""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import psutil

from cryptopay.devnet.errors import PartFailed

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


class Child:
    """A running program; `log` holds what it said."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, stop_signal: signal.Signals) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._stop_signal = stop_signal

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> bool:
        return self._process.poll() is not None

    def wait_until(self, ready: Callable[[], bool], *, timeout_seconds: float) -> None:
        """Returns once `ready()` is true. Raises `PartFailed` if the program ends, or is stopped because time is up."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self.ended():
                raise PartFailed(f"{self.name} ended at its start:\n{self.last_words()}")
            if time.monotonic() > deadline:
                self.stop()
                raise PartFailed(f"{self.name} was not ready after {timeout_seconds:.0f} s:\n{self.last_words()}")
            time.sleep(0.05)

    def stop(self, *, patience_seconds: float = 20) -> None:
        """Asks the program to end, and ends it by force once patience is over. Safe to call twice."""
        if self.ended():
            return
        self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """Ends the program as a power cut would."""
        self._process.kill()
        self._process.wait()

    def last_words(self, lines: int = 20) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return "(it left no log)"


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    user: pwd.struct_passwd | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    feed: bytes = b"",
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Child:
    """Starts `command`, in its own session so that Ctrl-C reaches the starter alone. `feed` is all it can read.

    On Linux the kernel sends `stop_signal` should the starting thread die; call from a thread that lives on.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
            env=None if environment is None else dict(environment),
            preexec_fn=_follow_parent(stop_signal),  # noqa: PLW1509 (the stage starts everything from its main thread)
            umask=0o077,
            **identity(user),
        )
    if process.stdin is not None:
        # A program that ended at once is reported by wait_until, with its log.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(feed)
            process.stdin.close()
    return Child(name, process, log, stop_signal)


def identity(user: pwd.struct_passwd | None) -> Identity:
    """Arguments for `subprocess` that drop to `user`, groups included; none to stay who we are."""
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def adopt_orphans() -> None:
    """From here on, descendants that lose their parent become our children, so that `end_descendants` finds them."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> set[int]:
    """The ids of our own children, adopted ones included."""
    return {child.pid for child in psutil.Process().children()}


def end_descendants(*, patience_seconds: float = 10) -> None:
    """Ends whatever still descends from this process."""
    left = psutil.Process().children(recursive=True)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _gone, stubborn = psutil.wait_procs(left, timeout=patience_seconds)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=patience_seconds)


def _follow_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    libc, parent = _LIBC, os.getpid()

    def follow() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and prctl
            os._exit(1)

    return follow
