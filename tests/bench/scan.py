"""Reading a Bitcoin block, against ElectrumX (PyPI `e-x`): all outputs and all transaction ids of real blocks.

CPU time of one thread, lower is better. Both read in turn, A B A B, each in its own interpreter of the same version
with the garbage collector frozen after loading; the blocks' medians are added up before they are compared. Both sides
must find the same scripts, amounts and ids, else there is no figure.

`scan_vs_electrumx` is the same job on both sides. `scan_proved_vs_electrumx` adds what our monitor does and ElectrumX
does not: the proof by the header's merkle root.

The blocks come from `CRYPTOPAY_BLOCKS_DIR`; without it one is made of everyday payments.
"""

import gc
import hashlib
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.connectors.bitcoin_blocks import HEADER_BYTES, merkle_root, read_block, read_outputs
from tests.bench import peers

PEER = "e-x==1.16.0"
ROUNDS = 11
_PAYMENTS = 3000

_PEER_PROGRAM = """
import gc, hashlib, sys, time
from electrumx.lib.tx import DeserializerSegWit

def digest(block):
    total = hashlib.sha256()
    for tx, txid in block:
        total.update(txid)
        for output in tx.outputs:
            total.update(output.value.to_bytes(8, "little") + output.pk_script)
    return total.hexdigest()

blocks = [open(name, "rb").read() for name in sys.argv[1:]]
gc.collect()
gc.freeze()
for line in sys.stdin:
    raw = blocks[int(line)]
    start = time.process_time()
    block = DeserializerSegWit(raw, 80).read_tx_block()
    print(time.process_time() - start, digest(block), flush=True)
"""


def measure() -> Iterator[tuple[str, float, str]]:
    """Name, value and unit of each figure."""
    with tempfile.TemporaryDirectory() as scratch:
        names = _blocks(Path(scratch))
        blocks = [name.read_bytes() for name in names]
        with _peer(names) as ask_peer:
            gc.collect()
            gc.freeze()
            try:
                sums = [_medians(raw, lambda number=number: ask_peer(number)) for number, raw in enumerate(blocks)]
            finally:
                gc.unfreeze()
    ours, proved, theirs = (sum(column) for column in zip(*sums, strict=True))
    yield "scan_vs_electrumx", ours / theirs, "ratio"
    yield "scan_proved_vs_electrumx", proved / theirs, "ratio"


def _medians(raw: bytes, ask_peer: Callable[[], tuple[float, str]]) -> tuple[float, float, float]:
    """CPU seconds: ours, ours with the proof, theirs."""
    taken: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(ROUNDS):
        taken[0].append(_seconds(lambda: read_outputs(raw)))
        theirs, digest = ask_peer()
        taken[2].append(theirs)
        taken[1].append(_seconds(lambda: read_block(raw)))
    if digest != _digest(raw):
        raise RuntimeError("ElectrumX read another block than we did")
    ours, proved, theirs = map(statistics.median, taken)
    return ours, proved, theirs


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _digest(raw: bytes) -> str:
    total, outputs, begin = hashlib.sha256(), read_block(raw).outputs, 0
    for txid, end in zip(outputs.txids, outputs.ends, strict=True):
        total.update(txid)
        for place in range(begin, end):
            total.update(outputs.amounts[place].to_bytes(8, "little") + outputs.scripts[place])
        begin = end
    return total.hexdigest()


def _blocks(scratch: Path) -> list[Path]:
    if folder := os.environ.get("CRYPTOPAY_BLOCKS_DIR"):
        return sorted(Path(folder).glob("bitcoin-*.raw"))
    made = scratch / "made.raw"
    made.write_bytes(_everyday_block())
    return [made]


def _everyday_block() -> bytes:
    """One input with a signature and a key, two outputs, as most payments are."""
    head, marker, witness = b"\2\0\0\0", b"\0\1", b"\2\x47" + b"s" * 71 + b"\x21" + b"k" * 33
    paid = b"\x10" + bytes(7) + b"\x16" + b"\0\x14" * 11
    bodies = [
        b"\1" + number.to_bytes(36, "little") + b"\0\xff\xff\xff\xff\2" + paid + paid for number in range(_PAYMENTS)
    ]
    txids = [hashlib.sha256(hashlib.sha256(head + body + bytes(4)).digest()).digest() for body in bodies]
    header = bytes(36) + merkle_root(txids) + bytes(HEADER_BYTES - 68)
    payments = b"".join(head + marker + body + witness + bytes(4) for body in bodies)
    return header + b"\xfd" + _PAYMENTS.to_bytes(2, "little") + payments


@contextmanager
def _peer(names: list[Path]) -> Iterator[Callable[[int], tuple[float, str]]]:
    """ElectrumX's reader in its own interpreter: number of a block in, CPU seconds and digest out."""
    command = [peers.python(PEER), "-c", _PEER_PROGRAM, *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("no pipes")

        def ask(number: int) -> tuple[float, str]:
            stdin.write(f"{number}\n")
            stdin.flush()
            seconds, digest = stdout.readline().split()
            return float(seconds), digest

        yield ask
        stdin.close()


if __name__ == "__main__":
    for name, value, unit in measure():
        print(f"{name} {value:.3f} {unit}")
