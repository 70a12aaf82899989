"""The formats by name. A further one is a file beside this and a line here."""

from collections.abc import Callable, Iterator

from reports.plaintext import beancount, hledger, ledger_cli
from reports.plaintext.journal import Export

FORMATS: dict[str, Callable[[Export], Iterator[str]]] = {
    "hledger": hledger.lines,
    "ledger": ledger_cli.lines,
    "beancount": beancount.lines,
}
