"""Beancount's format; passes `bean-check`.

Beancount counts with Python's decimals of 28 digits and rounds what is longer, a sign changed included. So an entry
that moves 10**28 base units or more of an asset (10 thousand million units of a token with 18 decimals) is written in
slices of 20 digits, the highest of all its legs first: then every sum on the way fits, and what does not balance stays
in sight (the other way round a small difference would be rounded away by the larger slices).
Balances of such accounts are exact when the tool is told to count with more digits; docs/accountant.md says how.

Coins have lots and costs, which `reports.plaintext.inventories` writes.
"""

from collections.abc import Iterable, Iterator, Mapping

from reports.plaintext.inventories import Inventories, account_of, of_leg
from reports.plaintext.journal import AccountLine, Commodity, Export, Transaction
from reports.plaintext.text import one_line

_NOTHING = "0.000000001"
"""In the book's currency alone: a lot's cost a unit is rounded to 28 digits."""


def lines(export: Export) -> Iterator[str]:
    """Without line ends."""
    yield from _head(export)
    for commodity in export.commodities:
        yield from _commodity(export, commodity)
    inventories = Inventories(export)
    for line in export.accounts:
        yield from _account(export, line, inventories.homes)
    for entry in export.transactions:
        yield from _transaction(entry, inventories)
    yield "; the end"


def _head(export: Export) -> Iterator[str]:
    yield f"; book {export.book_number}, up to and including {export.until or 'the last entry'}; days are UTC"
    yield f'option "title" {_quoted(export.book)}'
    # Half a unit of the last decimal would do otherwise: here a difference of nothing is allowed.
    yield 'option "tolerance_multiplier" "0"'
    yield f'option "inferred_tolerance_default" "{export.money.name}:{_NOTHING}"'
    yield f'option "operating_currency" "{export.money.name}"'
    yield 'plugin "beancount.plugins.check_commodity"'
    yield ""


def _commodity(export: Export, commodity: Commodity) -> Iterator[str]:
    yield f"{export.first_day} commodity {commodity.name}"
    yield f"  name: {_quoted(commodity.identity)}"
    yield f"  precision: {commodity.decimals}"
    yield ""


def _account(export: Export, line: AccountLine, homes: Mapping[str, str]) -> Iterator[str]:
    name, held = account_of(line), [commodity.name for commodity in line.commodities]
    booking = ' "FIFO"' if any(homes.get(coin) == name for coin in held) else ""
    yield f"{export.first_day} open {name} {','.join(held)}{booking}"
    yield f"  code: {_quoted(line.code)}"
    yield f"  name: {_quoted(line.name)}"
    yield ""


def _transaction(entry: Transaction, inventories: Inventories) -> Iterator[str]:
    """Validated: a transaction. Else the same flagged `!`, every line of it a comment: nothing of it counts."""
    if entry.is_validated:
        postings = list(inventories.postings(entry))
        yield from inventories.before()
        yield from _written(entry, "*", postings)
    else:
        yield from (f"; {line}" for line in _written(entry, "!", (of_leg(leg).text for leg in entry.legs)))
    yield ""


def _written(entry: Transaction, flag: str, postings: Iterable[str]) -> Iterator[str]:
    yield f"{entry.day} {flag} {_quoted(entry.description)}{_links(entry)}"
    for name, value in entry.tags().items():
        yield f"  {name}: {_quoted(value)}"
    yield from (f"  {posting}" for posting in postings)


def _links(entry: Transaction) -> str:
    """An entry and the one that reverses it share a link."""
    return "".join(f" ^entry-{number}" for number in (entry.number, entry.resolves) if number)


def _quoted(text: str) -> str:
    escaped = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
