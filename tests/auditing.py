"""An auditor from outside: what the chain shows at our addresses against what the books credited. The difference is 0.

Nothing of the application is imported, and none of its answers is asked for: a node is read by its own JSON, the
database by SQL as its owner. A function for each family says what a chain shows; `differences` holds it against the
deposits and the ledger. Used at the end of journeys and trials.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg

_AT_ONCE = 50
"""Calls a batch."""
_WATCHED = "SELECT book_id, destination FROM monitor_watchedaddress WHERE chain_code = %s AND own"
"""What a program merely asked to hear of is nobody's money here."""
_DEPOSITS = """
    SELECT d.book_id, d.key, d.base_units, d.state, coalesce(d.block_height, -1), d.block_hash,
           coalesce(d.required_confirmations, 0)
    FROM monitor_deposit d JOIN monitor_watchedaddress w ON w.id = d.watched_id AND w.own
    WHERE d.chain_code = %s AND d.contract = %s
"""
_CREDITED = """
    SELECT a.book_id, sum(p.debit - p.credit) FROM ledger_posting p
    JOIN ledger_account a ON a.id = p.account_id AND a.book_id = p.book_id
    JOIN ledger_asset s ON s.id = a.asset_id
    WHERE s.chain = %s AND s.contract = %s AND a.code = 'assets:custody:' || s.chain AND p.layer = 0 AND NOT EXISTS (
        SELECT FROM ledger_journalentry e LEFT JOIN ledger_journalentry back ON back.id = e.ref_id
        WHERE e.id = p.entry_id AND 'reconciliation' IN (e.source, back.source)
    )
    GROUP BY a.book_id
"""


@dataclass(frozen=True)
class Received:
    """Coins that the chain itself shows at one destination."""

    destination: bytes
    base_units: int
    height: int
    block_hash: str


@dataclass(frozen=True)
class Shown:
    """A chain as a node shows it: its tip, and by the key that makes each unique, what was received."""

    height: int
    received: Mapping[str, Received]


Walked = dict[str, list[tuple[str, str, int]]]
"""By a block's hash, which names its contents for good: key, script and base units of each output."""


def utxo(node_url: str, destinations: Collection[bytes], first_height: int = 0, walked: Walked | None = None) -> Shown:
    """Every output to those scripts from that height on, by walking the node's blocks as JSON.

    What an earlier walk has read (`walked`) is not read again; which blocks are the chain's is asked each time.
    """
    wanted, found = {destination.hex() for destination in destinations}, {}
    walked = {} if walked is None else walked
    with _client(node_url) as node:
        (height,) = _ask(node, [("getblockcount", ())])
        heights = list(range(max(0, first_height), height + 1))
        names = _ask(node, [("getblockhash", (number,)) for number in heights])
        unread = [name for name in names if name not in walked]
        for name, block in zip(unread, _ask(node, [("getblock", (name, 2)) for name in unread]), strict=True):
            walked[name] = list(_outputs(block))
        for number, name in zip(heights, names, strict=True):
            for key, script, base_units in walked[name]:
                if script in wanted:
                    found[key] = Received(bytes.fromhex(script), base_units, number, name)
    return Shown(height, found)


def _outputs(block: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    for transaction in block["tx"]:
        for output in transaction["vout"]:
            base_units = int(Decimal(output["value"]).scaleb(8))
            yield f"{transaction['txid']}:{output['n']}", output["scriptPubKey"]["hex"], base_units


def differences(
    database_url: str, chain_code: str, shown: Shown, *, dust_base_units: int = 0, contract: str = ""
) -> list[str]:
    """What does not agree, in words; empty if every coin received is credited once, and nothing else is.

    `shown` must reach back to the first payment to any address of the chain. Deposits count by the depth their row
    asks for; the ledger is held against the chain alone.
    """
    with psycopg.connect(database_url) as sql:
        watching: dict[bytes, list[int]] = {}
        for book, destination in sql.execute(_WATCHED, [chain_code]):
            watching.setdefault(bytes(destination), []).append(book)
        rows = sql.execute(_DEPOSITS, [chain_code, contract]).fetchall()
        credited = {book: int(base_units) for book, base_units in sql.execute(_CREDITED, [chain_code, contract])}
    deposits = {(book, key): tuple(rest) for book, key, *rest in rows}
    wrong, due = [], dict.fromkeys(credited, 0)
    for key, coins in shown.received.items():
        if coins.base_units < dust_base_units:
            continue
        for book in watching.get(coins.destination, []):
            story = deposits.pop((book, key), None)
            wrong += _of_a_deposit(key, coins, story, shown.height)
            if story is not None and story[1] == "confirmed":
                due[book] = due.get(book, 0) + coins.base_units
    for (book, key), (base_units, state, height, *_) in deposits.items():
        if state == "confirmed" or height >= 0:
            wrong.append(f"book {book}: {key} of {base_units} is {state}, and on no chain")
    for book in due:
        if credited.get(book, 0) != due[book]:
            wrong.append(f"book {book}: received {due[book]}, credited {credited.get(book, 0)}")
    return wrong


def _of_a_deposit(key: str, coins: Received, story: tuple[Any, ...] | None, tip: int) -> list[str]:
    if story is None:
        return [f"{key} of {coins.base_units} in block {coins.height} was never seen"]
    base_units, state, height, block_hash, required = story
    wrong = []
    if (int(base_units), height, block_hash) != (coins.base_units, coins.height, coins.block_hash):
        wrong.append(f"{key}: {coins} on the chain, {story} in the books")
    deep = tip - coins.height + 1 >= required
    if (state == "confirmed") != deep:
        wrong.append(f"{key}: {tip - coins.height + 1} deep of {required}, and {state}")
    return wrong


def _client(url: str) -> httpx.Client:
    parts = urlsplit(url)
    login = (parts.username or "", parts.password or "") if parts.username else None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return httpx.Client(base_url=bare, auth=login, timeout=120, trust_env=False)


def _ask(node: httpx.Client, calls: list[tuple[str, tuple[object, ...]]]) -> list[Any]:
    """Results in the order of the calls."""
    results: list[Any] = []
    for begin in range(0, len(calls), _AT_ONCE):
        portion = calls[begin : begin + _AT_ONCE]
        asked = [
            {"jsonrpc": "2.0", "id": n, "method": name, "params": given} for n, (name, given) in enumerate(portion)
        ]
        answers = json.loads(node.post("/", json=asked).content, parse_float=Decimal)
        by_id = {answer["id"]: answer for answer in answers}
        for number, (name, given) in enumerate(portion):
            if by_id[number].get("error"):
                raise RuntimeError(f"{name}{given}: {by_id[number]['error']}")
            results.append(by_id[number]["result"])
    return results
