"""Programs from Debian's archive, unpacked into a folder of our own: no root, nothing of the system touched.

apt checks the archive's signatures as ever; only its lists, its cache and its idea of what is installed are ours.
"""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptopay.devnet.errors import PartMissing

_MIRROR = re.compile(r"(?:^URIs:\s*|^deb\s+(?:\[[^]]*\]\s+)?)(https?://\S+/debian/?)(?:\s|$)", re.MULTILINE)
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SYSTEM_STATUS = Path("/var/lib/dpkg/status")


def hidden() -> bool:
    """Whether to behave as a system without apt does, even with what was unpacked before: `CRYPTOPAY_WITHOUT_APT=1`."""
    return bool(os.environ.get("CRYPTOPAY_WITHOUT_APT"))


def at_hand() -> bool:
    return not hidden() and all(shutil.which(tool) for tool in ("apt-get", "dpkg"))


def unpack(root: Path, packages: Sequence[str], sources: Sequence[str], *, beside_system: bool = False) -> None:
    """Unpacks `packages` and all they need into `root`, in one step: `root` exists only when it is complete.

    `sources` are suites (`sid`) or pairs of archive and suite (`debian-security bookworm-security`). `beside_system`
    leaves out what the system has installed, for programs that run on the system's own libraries.
    Raises `PartMissing` where apt or the archive is not to be had.
    """
    if not at_hand():
        raise PartMissing(f"apt-get and dpkg are not on this machine, so {' '.join(packages)} cannot be unpacked")
    root.parent.mkdir(parents=True, exist_ok=True)
    with alone(root.with_name(f"{root.name}.lock")):
        if root.exists():
            return
        work = root.with_name(f"{root.name}.partial")
        shutil.rmtree(work, ignore_errors=True)
        try:
            _fetch(work, packages, sources, beside_system=beside_system)
            for archive in sorted((work / "cache" / "archives").glob("*.deb")):
                subprocess.run(["dpkg", "-x", str(archive), str(work / "root")], check=True, capture_output=True)
            (work / "root").rename(root)
        except subprocess.CalledProcessError as failed:
            words = failed.stderr.decode(errors="replace").strip()
            raise PartMissing(f"Debian's archive did not give {' '.join(packages)}:\n{words}") from failed
        finally:
            shutil.rmtree(work, ignore_errors=True)


def codename() -> str:
    """The Debian suite this system is, such as `bookworm`; empty if it is not Debian."""
    release = Path("/etc/os-release")
    if not release.exists():
        return ""
    facts = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
    return facts.get("VERSION_CODENAME", "").strip('"') if facts.get("ID", "").strip('"') == "debian" else ""


def mirror() -> str:
    """`CRYPTOPAY_DEBIAN_MIRROR`, else the archive this system uses itself. Raises `PartMissing`."""
    if named := os.environ.get("CRYPTOPAY_DEBIAN_MIRROR"):
        return named.rstrip("/")
    folder = Path("/etc/apt")
    for path in (folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))):
        if path.is_file() and (found := _MIRROR.search(path.read_text(errors="replace"))):
            return found[1].rstrip("/")
    raise PartMissing(
        "no Debian archive stands in /etc/apt",
        fix="name one of Debian's mirrors: make install CRYPTOPAY_DEBIAN_MIRROR=https://.../debian",
    )


def _fetch(work: Path, packages: Sequence[str], sources: Sequence[str], *, beside_system: bool) -> None:
    for folder in ("lists/partial", "cache/archives/partial", "root"):
        (work / folder).mkdir(parents=True)
    status = _SYSTEM_STATUS if beside_system else work / "status"
    if not beside_system:
        status.touch()
    (work / "sources.list").write_text("".join(_source_line(source) for source in sources))
    options = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Dir::State::status": status,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": str(os.geteuid()),
    }
    switches = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    for order in (["update"], ["install", "-y", "--download-only", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-qq", *switches, *order], check=True, capture_output=True)


def _source_line(source: str) -> str:
    archive, _, suite = source.rpartition(" ")
    signed_by = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    url = re.sub(r"/debian$", f"/{archive}", mirror()) if archive else mirror()
    return f"deb {signed_by}{url} {suite} main\n"


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process at a time holds that file."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
