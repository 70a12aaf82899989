"""The auditor of `auditing` for chains of accounts: what the addresses hold against what the books credited.

Nothing of the application is imported. Our addresses only ever receive here, so what one holds at the final block is
what it received, however it was sent: by a person, by a contract, in coins or in tokens.
"""

from collections.abc import Collection, Mapping
from typing import Any

import httpx
import psycopg

_WATCHED = "SELECT book_id, destination FROM monitor_watchedaddress WHERE chain_code = %s AND own"
_CREDITED = """
    SELECT a.book_id, s.contract, sum(p.debit - p.credit) FROM ledger_posting p
    JOIN ledger_account a ON a.id = p.account_id AND a.book_id = p.book_id
    JOIN ledger_asset s ON s.id = a.asset_id
    WHERE s.chain = %s AND a.code = 'assets:custody:' || s.chain AND p.layer = 0
    GROUP BY a.book_id, s.contract
"""
_BALANCE_OF = "0x70a08231"
_AT_ONCE = 200


def differences(database_url: str, chain_code: str, node_url: str, contracts: Collection[str]) -> list[str]:
    """What does not agree at the node's final block, in words; empty if each book was credited what its addresses hold.

    Of the chain's own coin and of each contract, in base units. The books must have been read up to the tip.
    """
    with psycopg.connect(database_url) as sql:
        watched: dict[int, list[bytes]] = {}
        for book, destination in sql.execute(_WATCHED, [chain_code]):
            watched.setdefault(book, []).append(bytes(destination))
        credited = {(book, contract): int(total) for book, contract, total in sql.execute(_CREDITED, [chain_code])}
    held = {
        (book, contract): sum(balances(node_url, destinations, contract))
        for book, destinations in watched.items()
        for contract in ("", *contracts)
    }
    return [
        f"book {book}: addresses hold {held.get((book, contract), 0)} of {contract or 'coins'}, "
        f"credited {credited.get((book, contract), 0)}"
        for book, contract in sorted({*held, *credited})
        if held.get((book, contract), 0) != credited.get((book, contract), 0)
    ]


def balances(node_url: str, holders: Collection[bytes], contract: str = "") -> list[int]:
    """What each holds at the final block."""
    with httpx.Client(timeout=120, trust_env=False) as node:
        (final,) = _ask(node, node_url, [("eth_getBlockByNumber", ["finalized", False])])
        calls = [_question(holder, contract, final["number"]) for holder in holders]
        return [int(answer, 16) for answer in _ask(node, node_url, calls)]


def _question(holder: bytes, contract: str, height: str) -> tuple[str, list[Any]]:
    if not contract:
        return "eth_getBalance", [f"0x{holder.hex()}", height]
    return "eth_call", [{"to": contract, "data": _BALANCE_OF + holder.hex().rjust(64, "0")}, height]


def _ask(node: httpx.Client, url: str, calls: list[tuple[str, list[Any]]]) -> list[Any]:
    results: list[Any] = []
    for begin in range(0, len(calls), _AT_ONCE):
        portion = calls[begin : begin + _AT_ONCE]
        asked = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": given}
            for number, (method, given) in enumerate(portion)
        ]
        by_id: Mapping[int, Any] = {answer["id"]: answer for answer in node.post(url, json=asked).json()}
        for number, (method, given) in enumerate(portion):
            if by_id[number].get("error"):
                raise RuntimeError(f"{method}{given}: {by_id[number]['error']}")
            results.append(by_id[number]["result"])
    return results
