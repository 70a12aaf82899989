"""What the reports that list postings share: how an entry, an invoice and a transaction are named, and statements."""

from collections.abc import Iterator
from datetime import date

from ledger import balances, spans
from ledger.balances import DEBIT_NORMAL
from ledger.models import Account
from reports.cells import Cell, Column, Money, Name, Place, Row, Total, amounts, moments, texts

STATEMENT_COLUMNS: tuple[Column, ...] = (
    moments("When"),
    texts("Entry"),
    texts("Description"),
    texts("Reference"),
    texts("Transaction"),
    amounts("Debit"),
    amounts("Credit"),
    amounts("Balance"),
)


def entry_name(number: int) -> Name:
    """Its number in the journal, leading to its page."""
    return Name(str(number), Place("entry", number))


def reference(invoice: str | None, order: str | None) -> Cell:
    """What the merchant calls it, leading to the invoice."""
    return Name(order or invoice, Place("invoice", invoice)) if invoice else order or ""


def transaction_name(txid: str | None) -> Cell:
    return Name(txid, Place("transaction", txid)) if txid else ""


def signed(account_kind: str, debit: int, credit: int) -> int:
    """In the account's normal direction."""
    return debit - credit if account_kind in DEBIT_NORMAL else credit - debit


def side(base_units: int, account: Account) -> Cell:
    """An amount where there is one."""
    return Money.of(base_units, account.asset) if base_units else None


def statement(account: Account, first: date, last: date) -> Iterator[Row]:
    """Opening, every posting with the balance behind it, and the sums of the period with its closing balance."""
    found = balances.statement(account, first, last)
    unit = account.asset
    explanation = Place("explanation", account.pk)
    yield Total([spans.begin_of(first), "", "Opening balance", "", "", None, None, Money.of(found.opening, unit)])
    for line in found.lines():
        posting, entry = line.posting, line.posting.entry
        yield [
            *(posting.effective_at, entry_name(entry.pk), entry.description),
            *(reference(entry.invoice_ref, entry.order_ref), transaction_name(entry.txid)),
            *(side(posting.debit, account), side(posting.credit, account), Money.of(line.balance, unit)),
        ]
    sums = Money.of(found.debits, unit), Money.of(found.credits, unit), Money.of(found.closing, unit, explanation)
    yield Total([spans.last_moment_of(last), "", "Closing balance", "", "", *sums])
