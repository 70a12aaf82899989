"""`make test`: everything that is checked, each step even when an earlier one failed."""

import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptopay.devnet import places, servers

_LOGINS = ("web", "worker")
_MOST_PROCESSES = 4
"""Each brings a PostgreSQL, a Valkey and up to six nodes."""
_CHECK = ("check", "--deploy", "--database", "default", "--fail-level", "WARNING")


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    command: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)


def run() -> int:
    """Runs all steps; 0 if none failed."""
    with servers.throw_away() as settings:
        failed = [step.name for step in _steps() if not _passes(step, settings)]
    failed += [step.name for step in (_tests(),) if not _passes(step, {})]
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll checks passed.")
    return 1 if failed else 0


def _steps() -> list[Step]:
    python = sys.executable
    tools = Path(python).parent
    return [
        Step("lint", [str(tools / "ruff"), "check"]),
        Step("format", [str(tools / "ruff"), "format", "--check"]),
        Step("types", [str(tools / "mypy")]),
        Step("contracts", [str(tools / "lint-imports")]),
        Step("migrations", [python, "manage.py", "makemigrations", "--check", "--dry-run"]),
        Step("migrate", [python, "manage.py", "migrate", "--no-input", "--verbosity", "0"]),
        *(Step(f"deployment, {login}", [python, "manage.py", *_CHECK], _production(login)) for login in _LOGINS),
    ]


def _tests() -> Step:
    """On servers of their own, in as many processes as there are cores; on servers that somebody named, in one.

    All processes must find the same tests in the same order, sets of them included: hence the seed.
    """
    command = [sys.executable, "-m", "pytest"]
    processes = min(os.cpu_count() or 1, _MOST_PROCESSES)
    if processes > 1 and not (os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL")):
        command += ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]
    return Step("tests", command, {"PYTHONHASHSEED": "0"})


def _production(login: str) -> dict[str, str]:
    """Settings as an operator would make them, for what Django says of a deployment, and we of a database's login."""
    return {
        "CRYPTOPAY_ENV": "production",
        "CRYPTOPAY_LOGIN": login,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "KEYS_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "PUBLIC_URL": "https://pay.example.com",
        "ALLOWED_HOSTS": "pay.example.com",
        "EMAIL_URL": "smtp+tls://cryptopay:password@mail.example.com:587",
    }


def _passes(step: Step, settings: Mapping[str, str]) -> bool:
    program, *arguments = step.command
    print(f"\n== {step.name}: {' '.join([Path(program).name, *arguments])}", flush=True)
    started = time.monotonic()
    environment = {**os.environ, **settings, **step.settings}
    done = subprocess.run(step.command, cwd=places.CHECKOUT, env=environment, check=False)
    verdict = "passed" if done.returncode == 0 else "FAILED"
    print(f"== {step.name} {verdict} in {time.monotonic() - started:.1f} s", flush=True)
    return done.returncode == 0
