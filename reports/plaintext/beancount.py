"""Beancount's format; passes `bean-check`.

Beancount counts with Python's decimals of 28 digits and rounds what is longer, a sign changed included. So an entry
that moves 10**28 base units or more of an asset (10 thousand million units of a token with 18 decimals) is written in
slices of 20 digits, the highest of all its legs first: then every sum on the way fits, and what does not balance stays
in sight (the other way round a small difference would be rounded away by the larger slices).
Balances of such accounts are exact when the tool is told to count with more digits; docs/accountant.md says how.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ledger.money import to_text
from reports.plaintext.journal import AccountLine, Commodity, Export, Leg, Transaction
from reports.plaintext.names import BEANCOUNT_PUNCTUATION, account_name
from reports.plaintext.text import one_line

_COUNTS_BELOW = 10**28
_SLICE_DIGITS = 20
"""Sums of 32,767 legs, the most an entry has, stay below 26 digits beside their zeros."""


def lines(export: Export) -> Iterator[str]:
    """Without line ends."""
    yield from _head(export)
    for commodity in export.commodities:
        yield from _commodity(export, commodity)
    for line in export.accounts:
        yield from _account(export, line)
    for entry in export.transactions:
        yield from _transaction(entry)
    yield "; the end"


def _head(export: Export) -> Iterator[str]:
    yield f"; book {export.book_number}, up to and including {export.until or 'the last entry'}; days are UTC"
    yield f'option "title" {_quoted(export.book)}'
    # Half a unit of the last decimal would do otherwise: here a difference of nothing is allowed.
    yield 'option "tolerance_multiplier" "0"'
    yield 'plugin "beancount.plugins.check_commodity"'
    yield ""


def _commodity(export: Export, commodity: Commodity) -> Iterator[str]:
    yield f"{export.first_day} commodity {commodity.name}"
    yield f"  name: {_quoted(commodity.identity)}"
    yield f"  precision: {commodity.decimals}"
    yield ""


def _account(export: Export, line: AccountLine) -> Iterator[str]:
    yield f"{export.first_day} open {_name(line)} {','.join(commodity.name for commodity in line.commodities)}"
    yield f"  code: {_quoted(line.code)}"
    yield f"  name: {_quoted(line.name)}"
    yield ""


def _transaction(entry: Transaction) -> Iterator[str]:
    """Validated: a transaction. Else the same flagged `!`, every line of it a comment: nothing of it counts."""
    yield from _validated(entry, "*") if entry.is_validated else (f"; {line}" for line in _validated(entry, "!"))
    yield ""


def _validated(entry: Transaction, flag: str) -> Iterator[str]:
    yield f"{entry.day} {flag} {_quoted(entry.description)}{_links(entry)}"
    for name, value in entry.tags().items():
        yield f"  {name}: {_quoted(value)}"
    for leg in _counted(entry.legs):
        yield f"  {_name(leg)}  {to_text(leg.base_units, leg.commodity.decimals)} {leg.commodity.name}"


def _links(entry: Transaction) -> str:
    """An entry and the one that reverses it share a link."""
    return "".join(f" ^entry-{number}" for number in (entry.number, entry.resolves) if number)


def _counted(legs: Sequence[Leg]) -> Iterator[Leg]:
    by_commodity: dict[str, list[Leg]] = defaultdict(list)
    for leg in legs:
        by_commodity[leg.commodity.name].append(leg)
    for group in by_commodity.values():
        total = sum(leg.base_units for leg in group if leg.base_units > 0)
        yield from group if total < _COUNTS_BELOW else _sliced(group, total)


def _sliced(legs: Sequence[Leg], total: int) -> Iterator[Leg]:
    slices = len(str(total)) // _SLICE_DIGITS + 1
    for low in (10 ** (_SLICE_DIGITS * place) for place in reversed(range(slices))):
        for leg in legs:
            part = abs(leg.base_units) // low % 10**_SLICE_DIGITS * low
            if part:
                yield Leg(leg.kind, leg.code, leg.commodity, part if leg.base_units > 0 else -part)


def _name(of: AccountLine | Leg) -> str:
    return account_name(of.kind, of.code, BEANCOUNT_PUNCTUATION)


def _quoted(text: str) -> str:
    escaped = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
