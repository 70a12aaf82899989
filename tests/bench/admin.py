"""Every page of the back office among a million rows of each kind, asked by a small merchant's member, by a large one's
and by those who run the installation. `CRYPTOPAY_ADMIN_ROWS` says another number.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from cryptopay.devnet import places
from tests.bench import ledger_books

ROWS = int(os.environ.get("CRYPTOPAY_ADMIN_ROWS", "1000000"))
KINDS = ("list", "page", "filter", "search", "today")


def measure() -> Iterator[tuple[str, float, str]]:
    """Of each kind of page what the dearest costs; which ones those were is told beside the figures."""
    with ledger_books.scratch("admin") as url:
        _child("fill", url, login="owner")
        pages = json.loads(_child("ask", url, login="web"))
    for kind in KINDS:
        dearest = sorted((page for page in pages if page["kind"] == kind), key=lambda page: -page["cpu_ms"])
        for page in dearest[:3]:
            told = f"{page['cpu_ms']:.0f} ms of CPU, {page['wall_ms']:.0f} ms, {page['queries']} questions"
            print(f"# {kind}: {told}: {page['path']} as {page['who']}", file=sys.stderr)
        yield f"admin_{kind}_ms", dearest[0]["cpu_ms"], "ms"
    yield "admin_queries", max(page["queries"] for page in pages), "questions"


def _child(what: str, url: str, *, login: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.admin_pages", what, str(ROWS)],
        env={**os.environ, **ledger_books.settings(url, login=login)},
        cwd=places.CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout
