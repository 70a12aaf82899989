"""The shop's own books, in SQLite: what was ordered, and each webhook that was received and verified."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FIRST_NUMBER = 1001
RECENT = 8

_TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY, good TEXT NOT NULL, price TEXT NOT NULL, invoice_id TEXT,
    checkout_url TEXT, opened_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS webhooks (
    event_id TEXT PRIMARY KEY, number INTEGER NOT NULL, sequence INTEGER NOT NULL, type TEXT NOT NULL,
    status TEXT NOT NULL, exception TEXT NOT NULL, received_at TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody bought. `status` is the latest word of CryptoPay's; empty until a webhook came."""

    number: int
    good: str
    price: str
    invoice_id: str
    checkout_url: str
    status: str
    exception: str

    @property
    def paid(self) -> bool:
        return self.status == "settled"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One verified message, as the order page lists it."""

    type: str
    sequence: int
    received_at: str


class Orders:
    """A file of orders; each call opens it anew, so threads and restarts share it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._open() as sql:
            sql.executescript(_TABLES)

    def add(self, good: str, price: str) -> int:
        """A new order's number."""
        with self._open() as sql:
            (number,) = sql.execute("SELECT coalesce(max(number) + 1, ?) FROM orders", [FIRST_NUMBER]).fetchone()
            row = (number, good, price, _now())
            sql.execute("INSERT INTO orders (number, good, price, opened_at) VALUES (?, ?, ?, ?)", row)
        return int(number)

    def note_invoice(self, number: int, invoice_id: str, checkout_url: str) -> None:
        with self._open() as sql:
            row = (invoice_id, checkout_url, number)
            sql.execute("UPDATE orders SET invoice_id = ?, checkout_url = ? WHERE number = ?", row)

    def find(self, number: int) -> Order | None:
        with self._open() as sql:
            row = sql.execute(f"{_ORDERS} WHERE number = ?", [number]).fetchone()
        return Order(*row) if row else None

    def recent(self) -> list[Order]:
        with self._open() as sql:
            return [Order(*row) for row in sql.execute(f"{_ORDERS} ORDER BY number DESC LIMIT ?", [RECENT])]

    def note_webhook(self, event: dict[str, Any]) -> None:
        """Keep a verified event of one of our orders. Delivered at least once, so the same again changes nothing."""
        invoice = event["data"].get("invoice")
        if not invoice:
            return
        with self._open() as sql:
            order = sql.execute("SELECT number FROM orders WHERE invoice_id = ?", [invoice["id"]]).fetchone()
            number = int(order[0]) if order else _number(invoice["order_id"])
            about = (invoice["status"], invoice["exception"], _now())
            row = (event["id"], number, event["sequence"], event["type"], *about)
            sql.execute("INSERT OR IGNORE INTO webhooks VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def webhooks(self, number: int) -> list[Webhook]:
        """Newest first."""
        with self._open() as sql:
            order = "SELECT type, sequence, received_at FROM webhooks WHERE number = ? ORDER BY sequence DESC"
            return [Webhook(*row) for row in sql.execute(order, [number])]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        sql = sqlite3.connect(self._path, timeout=10)
        try:
            with sql:
                yield sql
        finally:
            sql.close()


_LATEST = "FROM webhooks WHERE webhooks.number = orders.number ORDER BY sequence DESC LIMIT 1"
_ORDERS = (
    "SELECT number, good, price, coalesce(invoice_id, ''), coalesce(checkout_url, ''), "  # noqa: S608 - constants
    f"coalesce((SELECT status {_LATEST}), ''), coalesce((SELECT exception {_LATEST}), '') FROM orders"
)


def _number(order_id: str) -> int:
    """The first webhook may come before the answer that names the invoice; it names our order."""
    return int(order_id) if order_id.isdecimal() else 0


def _now() -> str:
    return datetime.now(UTC).strftime("%H:%M:%S")
