"""The stage's settings: what a person gave, and the file `.state/env` that says the rest.

`cryptopay.settings` reads the environment, then `.env`, then `.state/env`; so does this, with the same parser.
"""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import environ

from cryptopay.devnet import places, ports
from monitor.chains import CHAINS


def given(name: str) -> str:
    """What the environment or `.env` says; empty if they are silent."""
    return os.environ.get(name) or read(places.CHECKOUT / ".env").get(name, "")


def read(path: Path) -> dict[str, str]:
    """The `KEY=VALUE` lines of a file; none if there is no such file."""

    class Lines(environ.Env):  # type: ignore[misc]  # the package has no types
        ENVIRON: dict[str, str] = {}

    if path.is_file():
        Lines.read_env(str(path))
    return dict(Lines.ENVIRON)


def kept_secrets() -> dict[str, str]:
    """This stage's own secrets, made once: with another key the kept database's sealed keys could not be opened."""
    known = read(places.ENVIRONMENT_FILE)
    return {
        "SECRET_KEY": known.get("SECRET_KEY") or secrets.token_urlsafe(48),
        "KEYS_ENCRYPTION_KEY": known.get("KEYS_ENCRYPTION_KEY") or base64.b64encode(secrets.token_bytes(32)).decode(),
    }


def for_tests() -> dict[str, str]:
    """Settings of a run that must not depend on `.env` or on a stage running in this checkout.

    It makes and migrates databases of its own, so it begins as their owner; tests then act as the application.
    Node URLs are set, though empty, for the same reason: tests ask for the nodes they need. One given by the
    environment stays.
    """
    urls = (f"{row.setting_name}_{what}_URL" for row in CHAINS.values() for what in ("NODE", "FAUCET"))
    nodes = {name: os.environ.get(name, "") for name in urls}
    return {
        "CRYPTOPAY_ENV": "development",
        "CRYPTOPAY_LOGIN": "owner",
        "SECRET_KEY": "only-for-tests-" + "t" * 40,
        "KEYS_ENCRYPTION_KEY": base64.b64encode(b"only-for-tests-0123456789abcdef_").decode(),
        "PUBLIC_URL": f"http://{ports.HOST}:8000",
        **nodes,
    }


def write(values: Mapping[str, str]) -> None:
    """Replaces `.state/env` in one step; readable by its owner alone."""
    places.STATE.mkdir(exist_ok=True)
    new = places.ENVIRONMENT_FILE.with_suffix(".new")
    new.touch(mode=0o600)
    lines = ["# Written by `make run` at every start. Your own settings belong in .env, which wins over this."]
    new.write_text("\n".join([*lines, *(f"{name}={value}" for name, value in values.items())]) + "\n")
    new.replace(places.ENVIRONMENT_FILE)
