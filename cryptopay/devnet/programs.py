"""The node programs and the accountants' tools: which, how new, and where they lie on this machine."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from cryptopay.devnet import debian, places
from cryptopay.devnet.errors import PartMissing


@dataclass(frozen=True, slots=True)
class Program:
    """One program that pip does not bring.

    `suite` is the Debian suite it is unpacked from; empty for one from npm. `launcher` is the script beside this module
    that starts one which npm brings as a library.
    """

    name: str
    suite: str
    package: str
    minimum_version: tuple[int, ...]
    fix: str
    launcher: str = ""

    def command(self) -> list[str]:
        """How to run it: unpacked from Debian with its own loader and libraries, from npm, or from the PATH.

        Raises `PartMissing`.
        """
        for found in (self._unpacked(), self._from_npm()):
            if found:
                return found
        if on_path := shutil.which(self.name):
            return [on_path]
        raise PartMissing(f"{self.name} is not installed", fix=self.fix)

    def root(self) -> Path:
        return places.cache() / "nodes" / f"{self.suite}-{self.package}"

    def _unpacked(self) -> list[str] | None:
        root = self.root()
        if not self.suite or not root.is_dir() or debian.hidden():
            return None
        # Debian's litecoind is a wrapper that starts the real program from a folder beside the libraries.
        places_to_look = [root / "usr/lib/litecoin" / self.name, root / "usr/bin" / self.name]
        program = next(path for path in places_to_look if path.exists())
        loader = next(path for path in sorted(root.glob("**/ld-linux*.so.*")) if path.exists())
        private = root / "usr/lib" / self.package  # where Debian keeps a library that is one program's own
        libraries = [*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu"), private]
        path = ":".join(str(folder) for folder in libraries)
        return [str(loader), "--argv0", self.name, "--library-path", path, str(program)]

    def _from_npm(self) -> list[str] | None:
        if self.launcher:
            node = shutil.which("node")
            here = (places.NODE_MODULES / self.package / "package.json").exists()
            launcher = str(Path(__file__).with_name(self.launcher))
            return [node, launcher, self.package] if node and here else None
        found = sorted(places.NODE_MODULES.glob(f"@foundry-rs/{self.name}-*/bin/{self.name}"))
        return [str(found[0])] if found else None


_APT_FIX = "make install, on a system with apt-get; or put {} on the PATH; or set {} in .env"
BITCOIND = Program(
    "bitcoind", "sid", "bitcoin-knots", (25, 0), _APT_FIX.format("bitcoind 25 or later", "BITCOIN_REGTEST_NODE_URL")
)
LITECOIND = Program(
    "litecoind", "bookworm", "litecoind", (0, 21, 2), _APT_FIX.format("litecoind 0.21.2", "LITECOIN_REGTEST_NODE_URL")
)
ANVIL = Program(
    "anvil", "", "@foundry-rs/anvil", (1, 0), "npm install --ignore-scripts --no-package-lock, or make install"
)
BCOIN = Program(
    "bcoin", "", "bcoin", (1, 0), "npm install --ignore-scripts --no-package-lock, or make install", launcher="bcoin.js"
)
"""Stands in for bitcoind where that cannot be had."""
BCASH = Program(
    "bcash", "", "bcash", (1, 1), "npm install --ignore-scripts --no-package-lock, or make install", launcher="bcoin.js"
)
"""Bitcoin Cash, patched by its launcher to speak as Bitcoin Core does."""
PROGRAMS = (BITCOIND, LITECOIND, BCASH, ANVIL)
_TOOL_FIX = "make test, on a system with apt-get; or put {} on the PATH"
HLEDGER = Program("hledger", "bookworm", "hledger", (1, 25), _TOOL_FIX.format("hledger 1.25 or later"))
LEDGER = Program("ledger", "bookworm", "ledger", (3, 3), _TOOL_FIX.format("ledger 3.3 or later"))
ACCOUNTING = (HLEDGER, LEDGER)
"""Read the exported books in tests, and know nothing of ours."""
