"""`python -m tests.bench`: every figure, one `name value unit` line each, and the page `docs/benchmarks.md`.

`python -m tests.bench ledger` measures that part alone; the page keeps what it says of the others.
A figure that misses what it must reach is marked, on the line and on the page; figures are not tests, so the run ends
well all the same. `CRYPTOPAY_BLOCKS_DIR` names a folder of real blocks for `scan`.
"""

import os
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

from cryptopay.devnet import places, servers
from tests.bench import admin, blocks, detect, invoices, keys, ledger, scan, tokens, tpcb, watching
from tests.bench.asking import CONNECTIONS

PAGE = places.CHECKOUT / "docs" / "benchmarks.md"
PARTS = {
    "keys": keys,
    "scan": scan,
    "watching": watching,
    "blocks": blocks,
    "tokens": tokens,
    "ledger": ledger,
    "invoices": invoices,
    "admin": admin,
    "detect": detect,
}


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


@dataclass(frozen=True, slots=True)
class Measured:
    """What a figure was on a day, as the page shows it."""

    value: float
    unit: str
    day: str


FIGURES = {
    "derive_vs_bitcoinlib": Figure("addresses derived a second, against bitcoinlib", 40, 50),
    "derive_share_of_libsecp": Figure("the same, against the curve's own addition called from C", 45, 60),
    "derive_eth_per_second": Figure("Ethereum addresses derived a second", 25_000, 30_000),
    "scan_vs_electrumx": Figure("time to read a block's outputs and ids, against ElectrumX", 0.35, 0.25, True),
    "scan_proved_vs_electrumx": Figure(
        "the same with the proof by the merkle root, which ElectrumX leaves out", lower_is_better=True
    ),
    "match_1e7_ms": Figure(
        "one block's 6,000 outputs against 10 million watched scripts in PostgreSQL", 50, 20, lower_is_better=True
    ),
    "scan_growth_1e3_to_1e7": Figure(
        "a block scanned with 10 million watched scripts, against a thousand", 2, 1.5, lower_is_better=True
    ),
    "block_end_to_end_ms": Figure(
        "a block with 2,000 payments to us, until journal, ledger, invoices and outbox have it", 1_000, 300, True
    ),
    "block_end_to_end_read_ms": Figure(
        "of that, the reader alone: deposits and events committed", lower_is_better=True
    ),
    "block_unheard_of_ms": Figure("the same block, when none of them was seen waiting before", lower_is_better=True),
    "block_unheard_of_read_ms": Figure("of that, the reader alone", lower_is_better=True),
    "erc20_decode_ms": Figure(
        "600 logs of a block, 300 of them of listed tokens, from bytes to payments", lower_is_better=True
    ),
    "erc20_decode_vs_web3": Figure("the same, against web3.py", 50, 100),
    "post_cpu": Figure("an entry posted singly through Django: client and server, CPU time", lower_is_better=True),
    "post_vs_hordak": Figure("entries posted singly for the CPU time of one of django-hordak's", 3, 5),
    "post_vs_hordak_prepared": Figure("the same, when django-hordak has its statements prepared as we do"),
    "post_share_of_barest": Figure(
        "CPU time of the least write of an entry with balances, no guard, against such a one's"
    ),
    "barest_vs_hordak": Figure("that least write, for the CPU time of one of django-hordak's"),
    "post_per_second": Figure("entries a second, posted singly by 4 clients"),
    "post_vs_tpcb": Figure("the same, against pgbench's TPC-B", 1, 1.5),
    "post_batch_cpu": Figure("an entry of a batch of 1,000: client and server, CPU time", lower_is_better=True),
    "post_batch_vs_hordak": Figure("entries of such a batch for the CPU time of one of django-hordak's", 15, 30),
    "post_batch_vs_hordak_load": Figure("the same, when django-hordak loads 1,000 at once"),
    "post_batch_share_of_copy": Figure("CPU time of a bare COPY of the same rows, against such a batch's", 60, 80),
    "hot_per_second": Figure("entries a second on one account, 4 clients, in batches of 100"),
    "hot_vs_spread": Figure("the same, against entries on many accounts", 1, 2),
    "balance_read_cpu": Figure("one balance read through Django: client and server, CPU time", lower_is_better=True),
    "balance_growth_1e3_to_1e7": Figure(
        "the same with 10 million postings in the book, against a thousand", 1.2, 1, lower_is_better=True
    ),
    "detect_seconds_median": Figure(
        "from a payment's broadcast to its delivered webhook, the chain polled each second: median",
        lower_is_better=True,
    ),
    "detect_seconds": Figure("the same, 99 of 100 payments", 2, 1, True),
    "invoice_create_per_second": Figure("invoices opened a second, each with a price and an address of its own"),
    "invoice_create_vs_bare_drf": Figure("the same, against a bare insert of two rows", 50, 70),
    "invoice_create_p50_ms": Figure(
        f"from request to answer, {CONNECTIONS} asking at once: median", lower_is_better=True
    ),
    "invoice_create_p99_ms": Figure("the same, 99 of 100 requests", lower_is_better=True),
    "invoice_create_cpu_ms": Figure("CPU time of the server and PostgreSQL, a request", lower_is_better=True),
    "invoice_get_per_second": Figure("invoices read a second, with method and address verified"),
    "invoice_get_vs_bare_drf": Figure("the same, against a bare view of two rows", 50, 70),
    "invoice_get_p50_ms": Figure(f"from request to answer, {CONNECTIONS} asking at once: median", lower_is_better=True),
    "invoice_get_p99_ms": Figure("the same, 99 of 100 requests", lower_is_better=True),
    "invoice_get_cpu_ms": Figure("CPU time of the server and PostgreSQL, a request", lower_is_better=True),
    "invoice_list_per_second": Figure("pages of 50 invoices a second, every address verified"),
    "invoice_list_vs_bare_drf": Figure("the same, against a bare view of 50 times two rows", 50, 70),
    "invoice_list_p50_ms": Figure(
        f"from request to answer, {CONNECTIONS} asking at once: median", lower_is_better=True
    ),
    "invoice_list_p99_ms": Figure("the same, 99 of 100 requests", lower_is_better=True),
    "invoice_list_cpu_ms": Figure("CPU time of the server and PostgreSQL, a request", lower_is_better=True),
    "invoice_list_at_1e6_ms": Figure("such a page among a million invoices, one asking", 50, 25, lower_is_better=True),
    "invoice_list_growth_5e4_to_1e6": Figure("the same, against 50,000 invoices", 1.2, 1, lower_is_better=True),
    "invoice_filter_at_1e6_ms": Figure(
        "the slowest of the list's filters, and of its last page, among a million", 50, 25, lower_is_better=True
    ),
    "admin_list_ms": Figure(
        "the dearest first page, last page or other order of any list of the back office, a million rows of each kind",
        300,
        None,
        lower_is_better=True,
    ),
    "admin_page_ms": Figure("the dearest page of a row, or of our own", 300, None, lower_is_better=True),
    "admin_filter_ms": Figure("the dearest question that a list offers", 300, None, lower_is_better=True),
    "admin_search_ms": Figure("the dearest search, in a list or by the box", 300, None, lower_is_better=True),
    "admin_today_ms": Figure("*Today*", 300, None, lower_is_better=True),
    "admin_queries": Figure("the most that any of these pages asks of the database", 19, None, lower_is_better=True),
}
"""In the order of the page. A figure that is measured and not described here fails the run."""

_PAGE = """# Benchmarks

`make bench` measures again, prints `name value unit` lines and rewrites this page. Each figure compares two things in
one run on one machine, in turns (A B A B), by the medians of the rounds: a busy machine slows both.

{machine}

| Figure | What it is | Measured | Must reach | Aim | Day |
|---|---|---|---|---|---|
{rows}

Bold: misses what it must reach. Where "at most" stands, lower is better.

## What is compared with what

- **derive** (`tests/bench/keys.py`): CPU time of one thread. Ours derives from an account's extended public key,
  already parsed, to the address's text. bitcoinlib {bitcoinlib} does the same from a parsed key. The share of
  libsecp256k1 is held against a C loop that does nothing but its `ec_pubkey_tweak_add`: no hash, no address.
- **scan** (`tests/bench/scan.py`): CPU time of one thread, garbage collector frozen. Both sides read all outputs and
  all transaction ids of the same blocks ({blocks}) and must agree on every one. ElectrumX: {electrumx}.
  `CRYPTOPAY_BLOCKS_DIR` names a folder of other blocks (`bitcoin-*.raw`).
- **match**, **scan_growth** (`tests/bench/watching.py`): wall-clock time. A block of 3,000 payments to 6,000 scripts,
  ten of them ours, in two databases in turns: 10 million scripts watched, and a thousand. The question to PostgreSQL
  alone; and the whole scan, from the block's bytes to the payments found.
- **block_end_to_end** (`tests/bench/blocks.py`): wall-clock time in one process, as the worker's login, on a bitcoind
  of its own that has a new block in which 2,000 payments count (the operator asks for one confirmation). They were seen
  waiting before, as payments are; for *unheard of* the block is the first we hear of them, as after an outage, and all
  that a payment's life brings is written at once: 6,000 journal entries, 8,000 events and as many deliveries.
- **erc20** (`tests/bench/tokens.py`): CPU time of one thread, web3.py {web3}. Both read the same answer of a node
  (`eth_getBlockReceipts`, 200 made receipts with their blooms) and must find the same payments.
- **post**, **hot** (`tests/bench/ledger.py`, `ledger_client.py`, `hordak.py`, `tpcb.py`): entries of two legs between
  random accounts of a book that has 20,000 accounts and 50,000 entries, each named by chain, transaction and output;
  posted as the worker's login with all guards on, and safe on disk before the call returns. CPU time is the client's
  and its PostgreSQL process's together. {hordak} posts singly by `Account.transfer_to`, as its documentation does, with
  50,000 transactions stored and the same Django and psycopg, on a connection as Django opens it; *prepared*: on one
  with our options, which hordak's documentation does not speak of (`server_side_binding`, `prepare_threshold`). It
  keeps no balances. On either side it is drawn before the clock starts who pays whom how much. hordak documents no
  way to post many; the figure beside it loads them as its own benchmark command does, with `bulk_create`. The facts of
  a batch are at hand as `Entry` objects before the clock starts. *Barest* (`barest.sql`) is the least an entry with
  balances can be written by, asked for in the same way: two indexes a table, and no guard, idempotent answer,
  reference, day's sum or wall between tenants. The bare COPY
  writes the rows that the batch wrote, ready-made, into tables of the same columns, indexes and size, and adds them up
  into balances by one statement: no trigger, no foreign key, no check, no policy, no idempotency. TPC-B, at scale
  {scale}, and our entries are both driven by pgbench (prepared statements, 4 clients): five statements that keep three
  balances, against one call that keeps two, between random accounts of 100 books. Hot: every entry debits the same
  account.
- **balance** (`tests/bench/ledger_history.py`): the same balance in two databases, one with 1,000 postings in its book,
  one with 10 million; half of them are the account's own.
- **detect** (`tests/bench/detect.py`): 100 payments at random moments on a bitcoind of its own; worker, reader and beat
  run as the Procfile has them, the merchant's server is a process of the same machine. "Must reach" is two polls.
- **invoice** (`tests/bench/invoices.py`, `bare.py`): 8 connections ask one gunicorn (2 workers of 4 threads) with
  50,000 invoices stored, all of the same merchant. Ours opens an invoice: strict reading, idempotency, price, an index
  of the key, address derived and verified, watch, outbox, kept answer; and reads it: in its merchant's wall, with
  customer, method and payments, each address derived again from the sealed key. Bare is Django REST framework with one
  query of the ORM for the API key: two inserts, or its own views, pages and serializers of an order with its line, and
  no wall between tenants. Load generator, gunicorn and PostgreSQL share the machine's cores. Among a million one
  connection asks, and the median of 30 answers counts, from request to answer; the filters are by each state (one that
  none is in), by order and by customer.
- **admin** (`tests/bench/admin.py`, `admin_pages.py`, `admin_rows.sql`): CPU time of Python and of PostgreSQL together,
  the lesser of two, as the web's login with its wall. There are a million stories, each an invoice with its address,
  deposit, payment, entries, event and delivery; nine in ten are one merchant's, two in a hundred another's, the rest
  eighteen others'; and customers, reconciliations, cases and exports in proportion. The large merchant's owner, the
  small one's and a superuser open every list (first page, last, every order, every question it offers, searches that
  find and one that does not), the newest row of each, *Today*, the box, the overview of reports, closing,
  reconciliation, changes, rates and accounts. The dearest three of a kind are told while it runs.
  `CRYPTOPAY_ADMIN_ROWS` is another number of stories.
"""


def main(parts: Sequence[str]) -> int:
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    parts = parts or list(PARTS)
    with servers.throw_away(durable=True, shared_buffers="512MB") as settings:
        os.environ.update(settings)
        measured = _kept() | dict(_measure(parts))
        PAGE.write_text(_page(measured, blocks=_blocks(fresh="scan" in parts)))
    return 0


def _measure(parts: Sequence[str]) -> Iterator[tuple[str, Measured]]:
    for part in parts:
        for name, value, unit in PARTS[part].measure():
            figure = FIGURES[name]
            missed = f"  (must reach {_bound(figure.must_reach, unit, figure)})" if figure.misses(value) else ""
            print(f"{name} {_number(value)} {unit}{missed}", flush=True)
            yield name, Measured(value, unit, datetime.now(UTC).strftime("%Y-%m-%d"))


def _kept() -> dict[str, Measured]:
    """What the page says already."""
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]* \| \**([0-9.]+) ([^* ]+)\** \| .* \| (\S+) \|$", PAGE.read_text(), re.MULTILINE
    )
    return {name: Measured(float(value), unit, day) for name, value, unit, day in rows}


def _page(measured: dict[str, Measured], *, blocks: str) -> str:
    rows = [_row(name, measured[name]) for name in FIGURES if name in measured]
    return _PAGE.format(
        machine=_machine(),
        rows="\n".join(rows),
        bitcoinlib=version("bitcoinlib"),
        electrumx=scan.PEER.replace("==", " "),
        web3=version("web3"),
        hordak=ledger.PEER.replace("==", " "),
        scale=tpcb.SCALE,
        blocks=blocks,
    )


def _blocks(*, fresh: bool) -> str:
    """Which blocks were read, now or when the page was written."""
    said = re.search(r"of the same blocks \(([^)]*)\)", PAGE.read_text())
    if said and not fresh:
        return said[1]
    return "real blocks of Bitcoin" if os.environ.get("CRYPTOPAY_BLOCKS_DIR") else "one block made of everyday payments"


def _row(name: str, measured: Measured) -> str:
    figure, unit = FIGURES[name], measured.unit
    shown = f"{_number(measured.value)} {unit}"
    shown = f"**{shown}**" if figure.misses(measured.value) else shown
    bounds = (_bound(bound, unit, figure) for bound in (figure.must_reach, figure.aim))
    return f"| `{name}` | {figure.meaning} | {shown} | {' | '.join(bounds)} | {measured.day} |"


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
    sys.exit(main(sys.argv[1:]))
