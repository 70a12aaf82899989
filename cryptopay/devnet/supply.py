"""What we are made of: locked with hashes (`make lock`), asked for known holes (`make audit`), listed (`make sbom`).

`requirements*.txt` and `package.json` are written by people: what we use, at which version, and why. The locks beside
them are written from those: everything that comes along, with the hash of every file it may come as. They name no
registry. A Python package younger than a week is not locked unless somebody asks for it by name: most poisoned releases
are found out sooner.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cryptopay.devnet import places
from cryptopay.devnet.errors import PartFailed, PartMissing

COOLDOWN = timedelta(days=7)
APPLICATION, EVERYTHING = "requirements", "requirements-dev"
SBOM = places.STATE / "sbom.cdx.json"
_NPM = ("package.json", "package-lock.json")
_TOOLS = Path(sys.executable).parent
_NOT_LOCKED = frozenset({"pip", "setuptools"})
"""Python brings them into each virtual environment; pip does not install itself."""


def lock(sooner: Iterable[str] = (), *, upgrade: bool = False) -> None:
    """Writes the locks. What is locked keeps its version as long as it fits; `upgrade`: the newest that fits.

    `sooner` names what may be younger than a week, such as the mending of a hole. Raises `PartFailed`.
    """
    youngest = datetime.now(UTC) - COOLDOWN
    limits = ["--exclude-newer", youngest.isoformat(), *(["--upgrade"] if upgrade else [])]
    for name in sooner:
        limits += ["--exclude-newer-package", f"{name}={datetime.now(UTC).isoformat()}"]
    _compile(APPLICATION, limits)
    _compile(EVERYTHING, [*limits, "--constraint", f"{APPLICATION}.lock"])
    _lock_npm()


def audit() -> list[str]:
    """Complaints: known holes in what is locked, and who could not be asked. None: all could, and knew of none."""
    return [*_audit_python(), *_audit_npm()]


def sbom(path: Path = SBOM) -> Path:
    """What the application consists of, in CycloneDX with hashes, held against the format's own schema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    switches = ["--output-reproducible", "--validate", "--pyproject", "pyproject.toml", "--output-file", str(path)]
    _run([_TOOLS / "cyclonedx-py", "requirements", *switches, f"{APPLICATION}.lock"])
    return path


def locked(text: str) -> dict[str, str]:
    """Name -> version of a lock, as far as it is meant for this machine.

    Raises `ValueError` for what is not pinned to one version, or has no hash.
    """
    found: dict[str, str] = {}
    for part in text.replace("\\\n", " ").splitlines():
        if not (line := part.partition("#")[0].strip()):
            continue
        wanted, *hashes = line.split(" --hash=")
        requirement = Requirement(wanted.strip())
        (version,) = requirement.specifier
        if version.operator != "==" or not hashes or not all(one.strip().startswith("sha256:") for one in hashes):
            raise ValueError(f"{requirement.name} is not locked")
        if requirement.marker is None or requirement.marker.evaluate():
            found[canonicalize_name(requirement.name)] = version.version
    return found


def differences(wanted: Mapping[str, str], installed: Mapping[str, str]) -> list[str]:
    """What is installed otherwise than it is locked, and what is installed besides."""
    names = sorted((wanted.keys() | installed.keys()) - _NOT_LOCKED)
    return [
        f"{name}: locked {wanted.get(name, 'nowhere')}, installed {installed.get(name, 'nowhere')}"
        for name in names
        if wanted.get(name) != installed.get(name)
    ]


def _compile(name: str, switches: Sequence[str]) -> None:
    shown = ["--quiet", "--no-header", "--no-annotate", "--no-emit-package", "pip"]
    asked = ["--universal", "--python-version", "3.11", "--generate-hashes", *switches]
    _run([_TOOLS / "uv", "pip", "compile", *shown, *asked, "--output-file", f"{name}.lock", f"{name}.txt"])


def _lock_npm() -> None:
    """Without `resolved`: it would name one registry for everybody. The hashes (`integrity`) stay.

    In a folder of its own: npm would write down what it finds installed, wherever that came from.
    """
    switches = ["--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
    kept = [path for path in (places.CHECKOUT / name for name in _NPM) if path.exists()]
    with tempfile.TemporaryDirectory() as folder:
        for path in kept:
            shutil.copy(path, folder)
        _run(["npm", "install", *switches, "--omit-lockfile-registry-resolved"], Path(folder))
        shutil.copy(Path(folder) / _NPM[1], places.CHECKOUT)


def _audit_python() -> list[str]:
    """pip-audit calls it a success to know nothing of a package: here it is none."""
    command: list[str | Path] = [
        _TOOLS / "pip-audit",
        "--disable-pip",
        "--require-hashes",
        "--format",
        "json",
        "--progress-spinner",
    ]
    asked = _asked([*command, "off", "--requirement", f"{EVERYTHING}.lock"])
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [f"Python: the advisories could not be asked. {_last_line(asked.stderr)}"]
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    holes = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        for one in packages
        for hole in one.get("vulns", ())
    ]
    if unknown:
        holes.append(f"Python: {len(unknown)} of {len(packages)} packages could not be asked for: {unknown[0]} ...")
    return holes


def _audit_npm() -> list[str]:
    """The development nodes and what judges our pages: none of it runs in production."""
    asked = _asked(["npm", "audit", "--json", "--package-lock-only"])
    try:
        told = json.loads(asked.stdout)
    except ValueError:
        told = {"message": _last_line(asked.stderr)}
    if "vulnerabilities" not in told:
        return [f"npm: the advisories could not be asked. {told.get('message', '')}"]
    return [f"npm: {name}, {hole['severity']}, {hole['range']}" for name, hole in told["vulnerabilities"].items()]


def _asked(command: Sequence[str | Path], where: Path = places.CHECKOUT) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PartMissing(f"{command[0]} does not run here: {error}", fix="make install") from error


def _run(command: Sequence[str | Path], where: Path = places.CHECKOUT) -> None:
    done = _asked(command, where)
    if done.returncode:
        raise PartFailed(f"{Path(command[0]).name}:\n{done.stderr.strip()}")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
