"""Invoices over REST, 50,000 stored, against bare DRF on one server: made, read, listed; and listed among a million.

One gunicorn serves both (2 workers of 4 threads), 8 connections ask, A B A B, and the medians of the rounds' requests a
second are compared. Both sides must answer as they should throughout, else there is no figure.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptopay.devnet import places, ports, processes
from tests.bench.asking import Question, Round

ROUNDS = 5
ROUND_SECONDS = 3.0
TIMES = 30
"""That each list is asked for among a million."""

_ORDER = {"amount": "0.0015", "currency": "BTC", "methods": ["BTC"], "order_id": "1042", "description": "Tea"}
_BARE = {"number": "1042", "amount": "0.0015"}
_FILTERS = ("status=new", "status=settled", "status=invalid", "order_id=order%2077", "customer_ref=ann")
"""One of the states that none is in, the hardest to find nothing of."""

Named = Iterator[tuple[str, float, str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A running one, and one of the invoices it has."""

    port: int
    api_key: str
    invoice_id: str
    oldest_id: str
    environment: dict[str, str]

    def asked(self, path: str, body: dict[str, object] | None = None) -> Question:
        return Question(self.port, self.api_key, path, body)


def measure() -> Named:
    """Name, value and unit of each figure."""
    with TemporaryDirectory() as scratch, _server(Path(scratch)) as server:
        invoices, bare = "/api/v1/invoices", "/bare"
        yield from _compared("get", server.asked(f"{invoices}/{server.invoice_id}"), server.asked(f"{bare}/1"))
        yield from _compared("list", server.asked(invoices), server.asked(bare))
        yield from _compared("create", server.asked(invoices, _ORDER), server.asked(bare, _BARE))
        yield from _among_a_million(server)


def _compared(verb: str, ours: Question, bare: Question) -> Named:
    for question in (ours, bare):
        question.by_many(1.0)
    rounds = [(ours.by_many(ROUND_SECONDS), bare.by_many(ROUND_SECONDS)) for _ in range(ROUNDS)]
    mine, theirs = (_per_second(side) for side in zip(*rounds, strict=True))
    yield f"invoice_{verb}_per_second", mine, "/s"
    yield f"invoice_{verb}_vs_bare_drf", 100 * mine / theirs, "percent"
    cuts = statistics.quantiles((seconds for one, _ in rounds for seconds in one.latencies), n=100)
    yield f"invoice_{verb}_p50_ms", 1000 * cuts[49], "ms"
    yield f"invoice_{verb}_p99_ms", 1000 * cuts[98], "ms"
    yield f"invoice_{verb}_cpu_ms", 1000 * statistics.median(one.cpu_seconds for one, _ in rounds), "ms"


def _per_second(side: Sequence[Round]) -> float:
    return statistics.median(each.answers_per_second for each in side)


def _among_a_million(server: Server) -> Named:
    newest = server.asked("/api/v1/invoices")
    before = newest.by_one(TIMES)
    _prepared("a million", server.environment)
    after = newest.by_one(TIMES)
    yield "invoice_list_at_1e6_ms", 1000 * after, "ms"
    yield "invoice_list_growth_5e4_to_1e6", after / before, "times"
    asked = [f"/api/v1/invoices?{query}" for query in (*_FILTERS, f"cursor={server.oldest_id}")]
    yield "invoice_filter_at_1e6_ms", 1000 * max(server.asked(path).by_one(TIMES) for path in asked), "ms"


@contextmanager
def _server(scratch: Path) -> Iterator[Server]:
    environment = {**os.environ, "BITCOIN_REGTEST_NODE_URL": "http://127.0.0.1:1", "LOG_LEVEL": "WARNING"}
    prepared = json.loads(_prepared("50,000", environment))
    port = ports.free()
    command = [sys.executable, "-m", "gunicorn", "tests.bench.bare:application()", "--bind", f"{ports.HOST}:{port}"]
    options = ["--workers", "2", "--threads", "4", "--keep-alive", "60", "--graceful-timeout", "1"]
    log = scratch / "gunicorn.log"
    web = {**environment, "CRYPTOPAY_LOGIN": "web"}
    server = processes.start("gunicorn", [*command, *options], log=log, environment=web, folder=places.CHECKOUT)
    try:
        server.wait_until(lambda: _answers(port), timeout_seconds=60)
        yield Server(port, environment=environment, **prepared)
    finally:
        server.stop()


def _prepared(what: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.bare", what],
        env=environment,
        cwd=places.CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((ports.HOST, port)) == 0


if __name__ == "__main__":
    for name, value, unit in measure():
        print(f"{name} {value:.1f} {unit}")
