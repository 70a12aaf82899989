"""Interpreters of throw-away environments that have a peer; each is made once for all checkouts."""

import subprocess
import sys
from pathlib import Path

from cryptopay.devnet import places


def python(*requirements: str) -> Path:
    """The interpreter that has `requirements`, the first of which names the peer."""
    folder = places.cache() / "bench" / requirements[0].replace("==", "-")
    interpreter, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists() or ready.read_text().split() != list(requirements):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)
        ready.write_text("\n".join(requirements))
    return interpreter
