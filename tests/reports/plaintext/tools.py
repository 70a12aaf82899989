"""hledger, ledger-cli and beancount as an accountant starts them, and their balances in our base units."""

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, Inexact, InvalidOperation, localcontext
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptopay.devnet.programs import HLEDGER, LEDGER
from reports.plaintext.names import BEANCOUNT_PUNCTUATION, LEDGER_PUNCTUATION

Balances = dict[tuple[str, str], int]
"""(account, commodity) -> base units, debit less credit; without zeros."""

ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "BEANCOUNT_DISABLE_LOAD_CACHE": "1"}
PYTHON_TOOLS = Path(sys.executable).parent
_PATIENCE_SECONDS = 3600
"""Beancount looks through all open lots at each receipt: a year of 100,000 payments takes it a while."""
_MORE_DIGITS = "import decimal; decimal.getcontext().prec = 200; from {} import main; main()"


ELSEWHERE, LOTS = ":Elsewhere--", ":Lots--"
"""Parts of accounts that beancount alone has; docs/accountant.md tells what they are."""


class Refused(Exception):
    """The tool found fault with the file."""


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, env=ENVIRONMENT, check=False, timeout=_PATIENCE_SECONDS
    )
    if done.returncode or done.stderr:
        raise Refused(f"{done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def _base_units(number: str, decimals: int) -> int:
    with localcontext(prec=200, traps=[Inexact, InvalidOperation]):
        scaled = Decimal(number).scaleb(decimals)
    assert scaled == int(scaled)
    return int(scaled)


@dataclass(frozen=True)
class Tool:
    """`rows` are (account, number, commodity) before a day; `orders` are (entry, order) of every transaction."""

    format: str
    punctuation: str
    check: Callable[[Path], object]
    rows: Callable[[Path, date | None], Iterator[tuple[str, str, str]]]
    orders: Callable[[Path], dict[int, str]]

    def rows_at_cost(self, book: Path) -> list[tuple[str, str, str]]:
        """The branches of the chart, everything at what it was worth; beancount has no such report."""
        read = {"hledger": _hledger_rows, "ledger": _ledger_rows}[self.format]
        return list(read(book, None, ("-B", "--depth", "1")))

    def balances(self, book: Path, decimals: Mapping[str, int], before: date | None = None) -> Balances:
        found = {
            (account, commodity): _base_units(number, decimals[commodity])
            for account, number, commodity in self.rows(book, before)
            if commodity
        }
        return {key: base_units for key, base_units in found.items() if base_units}


def _hledger(book: Path, *words: str) -> str:
    return _run([*HLEDGER.command(), "-f", str(book), *words])


def _hledger_check(book: Path) -> None:
    """Each entry balances in what it was worth; all of them together in coins."""
    _hledger(book, "check", "--strict", "ordereddates")
    _total_is_nothing(_hledger(book, "bal"))


def _total_is_nothing(balance: str) -> None:
    """Of a balance report as the tool prints it."""
    if balance.strip() and balance.splitlines()[-1].split()[0] != "0":
        raise Refused(f"does not balance: {balance.splitlines()[-1]}")


def _hledger_rows(
    book: Path, before: date | None, words: tuple[str, ...] = ("--empty",)
) -> Iterator[tuple[str, str, str]]:
    until = ["-e", str(before)] if before else []
    said = _hledger(book, "bal", "-O", "csv", "--layout=bare", "--no-total", *words, *until)
    for account, commodity, number in list(csv.reader(said.splitlines()))[1:]:
        yield account, number, commodity


def _hledger_orders(book: Path) -> dict[int, str]:
    printed: list[dict[str, Any]] = json.loads(_hledger(book, "print", "-O", "json"))
    return {int(entry["tcode"]): unquote(dict(entry["ttags"])["order"]) for entry in printed}


def _ledger(book: Path, *words: str) -> str:
    return _run([*LEDGER.command(), "--args-only", "-f", str(book), "--strict", "--pedantic", "--explicit", *words])


def _ledger_rows(
    book: Path, before: date | None, words: tuple[str, ...] = ("--flat", "--empty")
) -> Iterator[tuple[str, str, str]]:
    shape = r"%(account)\t%(join(scrub(display_total)))\n"
    until = ["-e", str(before)] if before else []
    for line in _ledger(book, "bal", "--no-total", "--balance-format", shape, *words, *until).splitlines():
        account, _, amounts = line.partition("\t")
        for amount in amounts.split(r"\n"):
            number, _, commodity = amount.partition(" ")
            yield account, number, commodity.strip('"')


def _ledger_orders(book: Path) -> dict[int, str]:
    said = _ledger(book, "reg", "--register-format", r"%(code)\t%(tag('order'))\n")
    rows = (line.partition("\t") for line in said.splitlines())
    return {int(code): unquote(order) for code, _, order in rows}


def bean_check(book: Path) -> str:
    return _run([str(PYTHON_TOOLS / "bean-check"), str(book)])


def bean_query(book: Path, query: str, *, more_digits: bool = True) -> list[list[str]]:
    program = (
        [sys.executable, "-c", _MORE_DIGITS.format("beanquery.shell")]
        if more_digits
        else [str(PYTHON_TOOLS / "bean-query")]
    )
    said = _run([*program, "-f", "csv", str(book), query])
    return [[cell.strip() for cell in row] for row in csv.reader(said.splitlines())][1:]


def _bean_check_all(book: Path) -> None:
    bean_check(book)
    units = f"SELECT currency, sum(number) WHERE NOT account ~ '{LOTS}$' GROUP BY currency"
    for currency, number in bean_query(book, units):
        if Decimal(number):
            raise Refused(f"does not balance: {number} {currency}")


def _bean_rows(book: Path, before: date | None) -> Iterator[tuple[str, str, str]]:
    """As an accountant reads them: with the part of an account that says what of its coins lies elsewhere."""
    until = f"WHERE date < {before}" if before else ""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    rows = bean_query(book, f"SELECT account, currency, sum(number) {until} GROUP BY account, currency")
    with localcontext(prec=200):
        for account, commodity, number in rows:
            if not account.endswith(LOTS):
                sums[account.removesuffix(ELSEWHERE), commodity] += Decimal(number)
    for (account, commodity), total in sums.items():
        yield account, f"{total:f}", commodity


def _bean_orders(book: Path) -> dict[int, str]:
    rows = bean_query(book, "SELECT DISTINCT entry_meta('entry'), entry_meta('order')")
    return {int(entry): unquote(order) for entry, order in rows}


TOOLS = (
    Tool(
        "hledger",
        LEDGER_PUNCTUATION,
        _hledger_check,
        _hledger_rows,
        _hledger_orders,
    ),
    Tool(
        "ledger",
        LEDGER_PUNCTUATION,
        lambda book: _total_is_nothing(_ledger(book, "bal")),
        _ledger_rows,
        _ledger_orders,
    ),
    Tool("beancount", BEANCOUNT_PUNCTUATION, _bean_check_all, _bean_rows, _bean_orders),
)
