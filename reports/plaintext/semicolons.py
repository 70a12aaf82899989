"""What hledger and ledger-cli write alike: directives, comments behind a semicolon, two spaces before an amount."""

from collections.abc import Callable, Iterator

from ledger.money import to_text
from reports.plaintext.journal import TAGS, AccountLine, Commodity, Export, Leg, Transaction
from reports.plaintext.names import LEDGER_PUNCTUATION, account_name
from reports.plaintext.text import one_line

_NOT_IN_DESCRIPTIONS = ";|"
"""A comment follows the first, hledger ends the payee at the second."""
_NOT_IN_TAGS = ",[]"
"""hledger begins another tag after a comma; ledger-cli, in old versions, takes a date out of any brackets."""


def head(export: Export) -> Iterator[str]:
    yield f"; {one_line(export.book)}, book {export.book_number}, valued in {one_line(export.money.code)}"
    yield f"; up to and including {export.until or 'the last entry'}; days are UTC"
    yield ""


def commodity(commodity: Commodity, sample: str) -> Iterator[str]:
    """`sample` shows the decimals, as the tool wants to see them."""
    yield f"; {one_line(commodity.identity)}"
    yield f'commodity "{commodity.name}"'
    yield f'    format {sample} "{commodity.name}"'
    yield ""


def tags() -> Iterator[str]:
    yield from (f"tag {name}" for name in TAGS)
    yield ""


def account(line: AccountLine) -> Iterator[str]:
    yield f"; {one_line(line.code)}"
    yield f"; {one_line(line.name)}"
    yield f"account {_name(line)}"
    yield ""


def transaction(entry: Transaction, money: Commodity) -> Iterator[str]:
    """Validated: a transaction marked as cleared. Else the same marked as pending, every line of it a comment."""
    lines = (
        _validated(entry, "*", money) if entry.is_validated else (f"; {line}" for line in _validated(entry, "!", money))
    )
    yield from lines
    yield ""


def lines(export: Export, opening: Iterator[str], sample: Callable[[int], str]) -> Iterator[str]:
    """The whole file. `sample` gives a number with so many decimals."""
    yield from opening
    yield from head(export)
    for one in export.commodities:
        yield from commodity(one, sample(one.decimals))
    yield from tags()
    for line in export.accounts:
        yield from account(line)
    for entry in export.transactions:
        yield from transaction(entry, export.money)
    yield "; the end"


def _validated(entry: Transaction, flag: str, money: Commodity) -> Iterator[str]:
    description = one_line(entry.description, also=_NOT_IN_DESCRIPTIONS)
    yield f"{entry.day} {flag} ({entry.number}) {description}".rstrip()
    for name, value in entry.tags().items():
        yield f"    ; {name}: {one_line(value, also=_NOT_IN_TAGS)}"
    for leg in entry.legs:
        yield f"    {_name(leg)}  {_amount(leg.base_units, leg.commodity)}{_worth(leg, money)}"


def _worth(leg: Leg, money: Commodity) -> str:
    """In all, not a unit: no price has to be divided, and none is rounded."""
    return "" if leg.worth is None else f" @@ {_amount(abs(leg.worth), money)}"


def _amount(base_units: int, commodity: Commodity) -> str:
    return f'{to_text(base_units, commodity.decimals)} "{commodity.name}"'


def _name(of: AccountLine | Leg) -> str:
    return account_name(of.kind, of.code, LEDGER_PUNCTUATION)
