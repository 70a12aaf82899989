"""Where the stage keeps things."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
STATE = CHECKOUT / ".state"
LOGS = STATE / "logs"
MAILS = STATE / "mail"
"""What the application would send."""
ENVIRONMENT_FILE = STATE / "env"
DEMO_FILE = STATE / "demo.json"
NODE_MODULES = CHECKOUT / "node_modules"
AXE = NODE_MODULES / "axe-core" / "axe.min.js"


def cache() -> Path:
    """Programs fetched once for all checkouts of this user; `CRYPTOPAY_CACHE` moves it."""
    return Path(os.environ.get("CRYPTOPAY_CACHE") or Path.home() / ".cache" / "cryptopay").absolute()


def reachable_by_others(path: Path) -> bool:
    """Whether another user may pass through every folder down to `path` and, if it is a file, read it."""
    return all(_open_to_others(step) for step in (path, *path.parents) if step.exists())


def aside() -> Path:
    """This checkout's own folder where every user may pass, for when the checkout itself lies behind a closed door.

    The checkout's folder mode is left alone: opening /root to the world would be a poor price for a demo.
    """
    mark = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"cryptopay-{os.geteuid()}-{mark}"  # noqa: S108 (ownership is checked when it is made)


def made_aside() -> Path:
    """`aside()`, made if need be. Raises `PermissionError` if somebody else made it first."""
    folder = aside()
    folder.mkdir(mode=0o755, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
        raise PermissionError(f"{folder} is not a private folder of ours; remove it")
    folder.chmod(0o755)
    return folder


def temporary_folder(purpose: str) -> Path:
    """A new private folder with a short path, because a Unix socket's path may have about 100 characters only."""
    parent = Path(tempfile.gettempdir())
    if not reachable_by_others(parent):
        parent = Path("/var/tmp")  # noqa: S108 (mkdtemp makes it private)
    return Path(tempfile.mkdtemp(prefix=f"cryptopay-{purpose}-", dir=parent))


def _open_to_others(step: Path) -> bool:
    return bool(step.stat().st_mode & (stat.S_IXOTH if step.is_dir() else stat.S_IROTH))
