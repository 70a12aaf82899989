"""`python -m tests.bench`: every figure, one `name value unit` line each, and the page `docs/benchmarks.md`.

A figure that misses what it must reach is marked, on the line and on the page; figures are not tests, so the run ends
well all the same. `CRYPTOPAY_BLOCKS_DIR` names a folder of real blocks for `scan`.
"""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

from cryptopay.devnet import places
from tests.bench import invoices, keys, scan

PAGE = places.CHECKOUT / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Figure:
    """What a number means and where it should lie; `must_reach` and `aim` are None where it only informs."""

    meaning: str
    must_reach: float | None = None
    aim: float | None = None
    lower_is_better: bool = False

    def misses(self, value: float) -> bool:
        if self.must_reach is None:
            return False
        return value > self.must_reach if self.lower_is_better else value < self.must_reach


FIGURES = {
    "derive_vs_bitcoinlib": Figure("addresses derived a second, against bitcoinlib", 40, 50),
    "derive_share_of_libsecp": Figure("the same, against the curve's own addition called from C", 45, 60),
    "derive_eth_per_second": Figure("Ethereum addresses derived a second", 25_000, 30_000),
    "scan_vs_electrumx": Figure("time to read a block's outputs and ids, against ElectrumX", 0.35, 0.25, True),
    "scan_proved_vs_electrumx": Figure(
        "the same with the proof by the merkle root, which ElectrumX leaves out", lower_is_better=True
    ),
    "invoice_create_per_second": Figure("invoices opened a second, each with a price and an address of its own"),
    "invoice_create_vs_bare_drf": Figure("the same, against a bare insert of two rows", 50, 70),
}
"""In the order of the page. A figure that is measured and not described here fails the run."""

_PAGE = """# Benchmarks

`make bench` measures again, prints `name value unit` lines and rewrites this page. Each figure compares two things in
one run on one machine, in turns (A B A B), by the medians of the rounds: a busy machine slows both.

{machine}

| Figure | What it is | Measured | Must reach | Aim |
|---|---|---|---|---|
{rows}

Bold: misses what it must reach. Where "at most" stands, lower is better.

## What is compared with what

- **derive** (`tests/bench/keys.py`): CPU time of one thread. Ours derives from an account's extended public key,
  already parsed, to the address's text. bitcoinlib {bitcoinlib} does the same from a parsed key. The share of
  libsecp256k1 is held against a C loop that does nothing but its `ec_pubkey_tweak_add`: no hash, no address.
- **scan** (`tests/bench/scan.py`): CPU time of one thread, garbage collector frozen. Both sides read all outputs and
  all transaction ids of the same blocks ({blocks}) and must agree on every one. ElectrumX: {electrumx}.
  `CRYPTOPAY_BLOCKS_DIR` names a folder of other blocks (`bitcoin-*.raw`).
- **invoice** (`tests/bench/invoices.py`, `bare.py`): 8 connections ask one gunicorn (2 workers of 4 threads) with
  50,000 invoices stored, all for the same merchant. Ours opens an invoice: strict reading, idempotency, price, an index
  of the key, address derived and verified, watch, outbox, kept answer. Bare is Django REST framework with the same
  look-up of the API key and two inserts. Load generator, gunicorn and PostgreSQL share the machine's cores.
"""


def main() -> int:
    measured: dict[str, tuple[float, str]] = {}
    for name, value, unit in _measure():
        figure = FIGURES[name]
        measured[name] = value, unit
        missed = f"  (must reach {_bound(figure.must_reach, unit, figure)})" if figure.misses(value) else ""
        print(f"{name} {_number(value)} {unit}{missed}", flush=True)
    PAGE.write_text(_page(measured))
    return 0


def _measure() -> Iterator[tuple[str, float, str]]:
    for module in (keys, scan, invoices):
        yield from module.measure()


def _page(measured: dict[str, tuple[float, str]]) -> str:
    rows = [_row(name, *measured[name]) for name in FIGURES if name in measured]
    blocks = (
        "real blocks of Bitcoin" if os.environ.get("CRYPTOPAY_BLOCKS_DIR") else "one block made of everyday payments"
    )
    return _PAGE.format(
        machine=_machine(),
        rows="\n".join(rows),
        bitcoinlib=version("bitcoinlib"),
        electrumx=scan.PEER.replace("==", " "),
        blocks=blocks,
    )


def _row(name: str, value: float, unit: str) -> str:
    figure = FIGURES[name]
    shown = f"{_number(value)} {unit}"
    shown = f"**{shown}**" if figure.misses(value) else shown
    bounds = (_bound(bound, unit, figure) for bound in (figure.must_reach, figure.aim))
    return f"| `{name}` | {figure.meaning} | {shown} | {' | '.join(bounds)} |"


def _bound(bound: float | None, unit: str, figure: Figure) -> str:
    if bound is None:
        return "–"
    return f"{'at most ' if figure.lower_is_better else ''}{_number(bound)} {unit}"


def _number(value: float) -> str:
    """Three digits that count; whole numbers from 100 on."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _machine() -> str:
    load = os.getloadavg()[0]
    facts = {
        "Measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "Machine": f"{os.cpu_count()} cores, {_processor()}, load {load:.1f} at the end",
        "Python": platform.python_version(),
        "PostgreSQL": _postgres(),
        "Django": f"{version('django')}, REST framework {version('djangorestframework')}",
    }
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _postgres() -> str:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return str(connection.info.parameter_status("server_version"))


if __name__ == "__main__":
    sys.exit(main())
