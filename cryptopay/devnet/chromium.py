"""Chromium, with which tests look at pages as people do."""

import os
import shutil
import subprocess
from pathlib import Path

from cryptopay.devnet import debian, places
from cryptopay.devnet.errors import PartMissing

_PACKAGES = ("chromium", "fonts-liberation")
_FIX = "sudo apt-get install -y --no-install-recommends " + " ".join(_PACKAGES)


def path() -> Path:
    """The browser to start. Raises `PartMissing`."""
    if on_path := shutil.which("chromium"):
        return Path(on_path)
    launcher = _root() / "chromium"
    if not launcher.exists():
        raise PartMissing("Chromium is not installed; tests of pages need it", fix=_FIX)
    return launcher


def install() -> None:
    """As root through apt; as anyone else unpacked beside the system, with a launcher that finds its libraries.

    Raises `PartMissing`.
    """
    if shutil.which("chromium") or (_root() / "chromium").exists():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _install_for_all()
    else:
        _install_for_us()


def _root() -> Path:
    return places.cache() / f"chromium-{debian.codename()}"


def _install_for_all() -> None:
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for order in (["update"], ["install", "-y", "--no-install-recommends", *_PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *order], env=quietly, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PartMissing(f"apt-get could not install Chromium:\n{done.stderr.strip()}", fix=_FIX)


def _install_for_us() -> None:
    suite = debian.codename()
    if not suite:
        raise PartMissing("Chromium is not installed, and this is not Debian", fix="put chromium on the PATH")
    root = _root()
    try:
        debian.unpack(root, _PACKAGES, [suite, f"debian-security {suite}-security"], beside_system=True)
    except PartMissing as missing:
        raise PartMissing(missing.message, fix=_FIX) from missing
    libraries = ":".join(str(root / folder) for folder in _library_folders(root))
    launcher = root / "chromium"
    lines = [
        "#!/bin/sh",
        f'export LD_LIBRARY_PATH="{libraries}"',
        # Without fonts of its own the system has no configuration for them either.
        f'[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_SYSROOT="{root}"',
        f'exec "{root}/usr/lib/chromium/chromium" --no-sandbox "$@"',
    ]
    launcher.write_text("\n".join(lines) + "\n")
    launcher.chmod(0o755)


def _library_folders(root: Path) -> list[Path]:
    found = {path.parent.relative_to(root) for path in root.glob("**/*.so*") if "lib" in path.parts}
    return sorted(found)
