"""Deriving receiving addresses, against the library merchants' shops would use otherwise and against the curve itself.

CPU time of one thread. Each pair runs in turn, A B A B, and the medians of the rounds are compared, so that a noisy
machine slows both. Neither side parses the extended key again for each address.
"""

import ctypes
import os
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bip_utils import Bip32Slip10Secp256k1
from coincurve import PublicKey
from coincurve._libsecp256k1 import ffi, lib

from keys.derivation import deriver
from keys.formats import Deriver
from keys.formats.accounts import read
from monitor.chains import CHAINS

ROUNDS = 7
OURS = 4_000
THEIRS = 150

_C_LOOP = """
#include <string.h>
typedef int (*tweak_add)(const void *, unsigned char *, const unsigned char *);
int loop(tweak_add add, const void *context, const unsigned char *parent, const unsigned char *tweaks, int count) {
    unsigned char key[64];
    int good = 0;
    for (int i = 0; i < count; i++) {
        memcpy(key, parent, 64);
        good += add(context, key, tweaks + 32 * i);
    }
    return good;
}
"""


def measure() -> Iterator[tuple[str, float, str]]:
    """Name, value and unit of each figure."""
    bitcoin, ethereum = _deriver("bitcoin"), _deriver("ethereum")
    ours, theirs = _medians(lambda: _each(bitcoin.address, OURS), _bitcoinlib(), OURS, THEIRS)
    yield "derive_vs_bitcoinlib", theirs / ours, "times"
    ours, curve = _medians(lambda: _each(bitcoin.address, OURS), _tweak_add_in_c(), OURS, OURS)
    yield "derive_share_of_libsecp", 100 * curve / ours, "percent"
    ours, _ = _medians(lambda: _each(ethereum.address, OURS), lambda: None, OURS, 1)
    yield "derive_eth_per_second", 1 / ours, "/s"


def _each(derive: Callable[[int], object], count: int) -> None:
    for index in range(count):
        derive(index)


def _account(path: str) -> str:
    return str(Bip32Slip10Secp256k1.FromSeed(secrets.token_bytes(32)).DerivePath(path).PublicKey().ToExtended())


def _deriver(code: str) -> Deriver:
    chain = CHAINS[code]
    return deriver(read(_account(chain.derivation_path), chain), chain)


def _medians(first: Callable[[], object], second: Callable[[], object], *counts: int) -> tuple[float, float]:
    """CPU seconds of one turn of each, the median of the rounds."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for run, count, taken in zip((first, second), counts, seconds, strict=True):
            start = time.process_time()
            run()
            taken.append((time.process_time() - start) / count)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def _bitcoinlib() -> Callable[[], None]:
    os.environ.setdefault("BCL_DATA_DIR", tempfile.mkdtemp(prefix="bitcoinlib-"))
    from bitcoinlib.keys import HDKey

    external = HDKey(_account("m/84'/0'/0'")).child_public(0)
    return lambda: _each(
        lambda index: external.child_public(index).address(encoding="bech32", script_type="p2wpkh"), THEIRS
    )


def _tweak_add_in_c() -> Callable[[], None]:
    """The least the curve can cost: the same library's own function, called from C."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("derive_share_of_libsecp needs a C compiler. Install gcc.")
    folder = Path(tempfile.mkdtemp(prefix="tweak-add-"))
    (folder / "loop.c").write_text(_C_LOOP)
    library = folder / "loop.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, folder / "loop.c"], check=True)
    loop = ctypes.CDLL(str(library)).loop
    parent = PublicKey.from_secret(secrets.token_bytes(32))
    tweaks = b"".join(secrets.token_bytes(32) for _ in range(OURS))
    add, context = (
        ctypes.c_void_p(int(ffi.cast("uintptr_t", pointer)))
        for pointer in (ffi.addressof(lib, "secp256k1_ec_pubkey_tweak_add"), parent.context.ctx)
    )
    point = bytes(ffi.buffer(parent.public_key))

    def run() -> None:
        if loop(add, context, point, tweaks, OURS) != OURS:
            raise RuntimeError("the curve refused a tweak")

    return run


if __name__ == "__main__":
    for name, value, unit in measure():
        print(f"{name} {value:.1f} {unit}")
