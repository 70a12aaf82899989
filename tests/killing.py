"""Runs work in a child process that is killed, by SIGKILL, before its n-th SQL statement or commit."""

import os
import signal
from collections.abc import Callable
from typing import Any

from django.db import connection


def killed_at(statement: int, work: Callable[[], object]) -> bool:
    """True if the child was killed; False if it finished first. Rows must be committed: it has its own connection."""
    connection.close()
    child = os.fork()
    if child == 0:
        _work_and_die(statement, work)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return False


def _work_and_die(statement: int, work: Callable[[], object]) -> None:
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    def before_statement(execute: Callable[..., Any], *arguments: Any) -> Any:
        step()
        return execute(*arguments)

    commit = connection._commit  # type: ignore[attr-defined]

    def before_commit() -> Any:
        step()
        return commit()

    try:
        connection._commit = before_commit  # type: ignore[attr-defined]
        with connection.execute_wrapper(before_statement):
            work()
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)
