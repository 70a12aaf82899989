"""The trials of `make torture`, shortened: many writers, kills under load, and broken rules that must be noticed."""

import subprocess
import sys

import pytest

from cryptopay.devnet import places


def _torture(name: str, cases: int) -> dict[str, float]:
    """What it printed, once it has ended well. It has a PostgreSQL of its own, which it kills."""
    command = [sys.executable, "-m", "tests.torture", name, "--cases", str(cases)]
    done = subprocess.run(command, cwd=places.CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (line.split() for line in done.stdout.splitlines())
    return {words[0]: float(words[1]) for words in lines if len(words) == 3 and words[1].replace(".", "").isdigit()}


def test_many_writers_at_once_lose_nothing_and_never_lock_each_other_up() -> None:
    figures = _torture("concurrency", 2_000)
    assert figures["concurrency_entries"] >= 2_000
    assert figures["concurrency_deadlocks"] == 0


def test_what_was_acknowledged_survives_a_crash_whole_and_alone() -> None:
    figures = _torture("crash", 4)
    assert figures["crash_acknowledged"] > 0


@pytest.mark.timeout(600)
def test_broken_rules_are_noticed() -> None:
    figures = _torture("controls", 12)
    assert set(figures) >= {"control_acknowledged_before_commit", "control_not_flushed", "control_without_the_lock"}
