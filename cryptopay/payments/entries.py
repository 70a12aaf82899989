"""The accounting of payments, written to be read aloud to an accountant.

A coin is seen      pending   debit  custody                 credit  the customer
it is confirmed     validated the same, now in the ledger
whose it is nobody knows      the same, with suspense in the place of the customer
it is dropped       void      the pending entry is taken back
a reorg takes it    reversed  a further entry takes the validated one back
it was spent then   posted    debit  suspense                credit  the customer, before it is reversed
an invoice settles  posted    debit  the customer            credit  sales, up to what was due, a coin an entry

What was paid beyond the due amount, or late, stays the customer's: a balance to be claimed back.

By hand an invoice is marked, and the books stay true:

marked settled      posted    debit  the customer            credit  sales, of what is received, up to what was due
... nothing was received      no entry: a promise is no income, and money paid elsewhere is booked where it came in
... more is received later    reversed, and posted anew with that; what comes after the mark is the customer's
... a reorg takes it back     reversed, and posted anew from what is left; the mark stays until somebody changes it
marked invalid      reversed  the sale, if there was one; what is received stays the customer's
cancelled                     no entry: nothing was received; what comes later is the customer's

Nobody can refuse what a chain tells. So what falls into a closed period is carried to the first open day, and what an
accountant has reversed by hand is not taken back once more.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog

from cryptopay.payments.models import CustomerAddress, Invoice, PaymentMethod, SharedAccount
from cryptopay.payments.status import Reading
from ledger import balances, chart, journal, rates
from ledger.errors import AlreadyReversed, BelowFloor, RateError, UnknownAccount
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, Asset, Book, JournalEntry, Rate
from ledger.remembering import remembered
from monitor.models import ChainEvent, Deposit

log = structlog.get_logger(__name__)

_WORDS: dict[str, str] = {
    ChainEvent.Kind.SEEN: "seen",
    ChainEvent.Kind.CONFIRMED: "settle",
    ChainEvent.Kind.DROPPED: "void",
    ChainEvent.Kind.REORGED: "reverse",
}


class Receipt(msgspec.Struct, frozen=True):
    """What the books must know of coins that arrive: which, whose they are, and what for."""

    book: Book
    asset: Asset
    customer: str | None
    """Their reference; empty: a guest; None: nobody knows."""
    purpose: str
    references: Mapping[str, str]

    @property
    def owed(self) -> Account:
        """To whom the coins are owed."""
        if self.customer is None:
            return chart.find(self.book.pk, chart.SUSPENSE, self.asset)
        return chart.customer(self.book.pk, self.customer, self.asset)


def payment_of(invoice: Invoice, asset: Asset) -> Receipt:
    """Coins for an invoice."""
    return Receipt(invoice.book, asset, _customer(invoice), f"payment for {invoice}", _references(invoice))


def deposit_of(address: CustomerAddress, asset: Asset) -> Receipt:
    """Coins at a customer's own address."""
    customer = address.customer.external_ref
    references = {"customer": customer, "address": address.public_id}
    return Receipt(address.book, asset, customer, f"deposit of {address.customer}", references)


def unassigned_at(account: SharedAccount, asset: Asset) -> Receipt:
    """Coins at an account that payers share, and no memo that tells whose they are."""
    return Receipt(account.book, asset, None, f"unassigned receipt at {account}", {"account": str(account)})


def seen(event: ChainEvent, receipt: Receipt) -> int:
    """Coins were seen on their way; the pending entry's id."""
    base_units = event.deposit.base_units
    return journal.record(
        Entry(
            book_id=event.book_id,
            idem=idem(event),
            legs=[
                Leg(_custody(event.book_id, receipt.asset), debit=base_units),
                Leg(receipt.owed, credit=base_units),
            ],
            effective_at=event.happened_at,
            description=receipt.purpose[:1].upper() + receipt.purpose[1:],
            source=f"chain:{event.chain_code}",
            meta={**receipt.references, **_of_deposit(event.deposit)},
            carry=True,
        )
    )


def confirmed(event: ChainEvent, receipt: Receipt, pending_entry_id: int) -> int:
    """The chain confirmed them: validated, at the rate of the day; the settling entry's id."""
    rate = _rate_now(receipt.book, receipt.asset)
    return journal.settle(_resolution(event, receipt, pending_entry_id, "Received", rate.pk if rate else None))


def dropped(event: ChainEvent, receipt: Receipt, pending_entry_id: int) -> int:
    """The transaction was replaced, double-spent or forgotten; the voiding entry's id."""
    return journal.void(_resolution(event, receipt, pending_entry_id, "Dropped"))


def taken_back(event: ChainEvent, receipt: Receipt, settled_entry_id: int) -> None:
    """A reorganisation took confirmed coins back. What the customer has spent of them meanwhile, suspense lends."""
    resolution = _resolution(event, receipt, settled_entry_id, "Taken back by a reorg")
    try:
        _reverse(resolution)
    except BelowFloor:
        log.warning("entries.spent_and_taken_back", book=event.book_id, deposit=event.deposit.key)
        _lend(event, receipt)
        _reverse(resolution)


def sale(invoice: Invoice, method: PaymentMethod, base_units: int, at: datetime, *, with_tax: bool = True) -> int:
    """A settled invoice is income: what was due in this coin leaves the customer's account; the entry's id.

    `with_tax`: it names the tax of the whole invoice, in the invoice's currency, which one of its entries does.
    """
    rate = _rate_of_sale(invoice, method)
    return journal.post(
        Entry(
            book_id=invoice.book_id,
            idem=_sale_idem(invoice, method),
            legs=[
                Leg(chart.customer(invoice.book_id, _customer(invoice), method.asset), debit=base_units),
                Leg(chart.sales(invoice.book_id, method.asset), credit=base_units),
            ],
            effective_at=at,
            description=f"Sale {invoice}",
            source="invoice",
            rate_id=rate.pk if rate else None,
            meta=_references(invoice) | (_tax(invoice) if with_tax else {}),
            carry=True,
        )
    )


def sale_taken_back(reading: Reading, at: datetime) -> None:
    """The invoice is not settled any more: what was sold in each coin is reversed."""
    journal.write_gathered()  # it may have settled in this very commit
    invoice = reading.invoice
    sales = {_sale_idem(invoice, method) for method in reading.methods}
    for entry in JournalEntry.objects.filter(book_id=invoice.book_id, idem__in=sales):
        _reverse(
            Resolution(
                book_id=invoice.book_id,
                entry=entry.pk,
                idem=f"{entry.idem}:reverse",
                effective_at=at,
                description=f"Sale {invoice} taken back",
                source="invoice",
                meta=_references(invoice),
                carry=True,
            )
        )


def _reverse(resolution: Resolution) -> None:
    """Unless an accountant was before us: then it is taken back already."""
    try:
        journal.reverse(resolution)
    except AlreadyReversed:
        log.warning("entries.reversed_by_hand", book=resolution.book_id, entry=resolution.entry)


def _lend(event: ChainEvent, receipt: Receipt) -> None:
    """One merchant's missing coins must not hold up a chain: an accountant finds them in suspense."""
    customer = receipt.owed
    suspense = chart.find(event.book_id, chart.SUSPENSE, receipt.asset)
    missing = event.deposit.base_units - balances.balance(customer).available
    journal.post(
        Entry(
            book_id=event.book_id,
            idem=f"{idem(event)}:lent",
            legs=[Leg(suspense, debit=missing), Leg(customer, credit=missing)],
            effective_at=event.happened_at,
            description=f"Spent before a reorg took it back: {receipt.purpose}",
            source=f"chain:{event.chain_code}",
            meta={**receipt.references, **_of_deposit(event.deposit)},
            carry=True,
        )
    )


def _custody(book_id: int, asset: Asset) -> Account:
    """Coins on our addresses. The first of an asset open the shop's chart for it."""
    try:
        return chart.find(book_id, f"{chart.CUSTODY}{asset.chain}", asset)
    except UnknownAccount:
        chart.open_template(book_id, "shop", [asset])
        return chart.custody(book_id, asset)


def idem(event: ChainEvent) -> str:
    """The key of the entry that an event is booked under."""
    return f"{event.chain_code}:{event.deposit.key}:{_WORDS[event.kind]}:{event.appearance}"


def _resolution(
    event: ChainEvent, receipt: Receipt, entry_id: int, what: str, rate_id: int | None = None
) -> Resolution:
    return Resolution(
        book_id=event.book_id,
        entry=entry_id,
        idem=idem(event),
        effective_at=event.happened_at,
        description=f"{what}: {receipt.purpose}",
        source=f"chain:{event.chain_code}",
        rate_id=rate_id,
        meta={**receipt.references, **_of_deposit(event.deposit)},
        carry=True,
    )


def _sale_idem(invoice: Invoice, method: PaymentMethod) -> str:
    return f"{invoice.public_id}:sale:{invoice.settlements}:{method.asset.code}@{method.asset.chain}"


def _customer(invoice: Invoice) -> str:
    return invoice.customer.external_ref if invoice.customer else ""


def _references(invoice: Invoice) -> dict[str, Any]:
    references = {"invoice": invoice.public_id, "order": invoice.order_id, "customer": _customer(invoice)}
    return {name: value for name, value in references.items() if value}


def _tax(invoice: Invoice) -> dict[str, Any]:
    """Net and tax by rate, where the invoice has lines: "tax": {"19": {"net": "100", "tax": "19"}}."""
    return {"tax": invoice.tax_totals, "currency": invoice.currency} if invoice.tax_totals else {}


def _of_deposit(deposit: Deposit) -> dict[str, str]:
    return {"chain": deposit.chain_code, "txid": deposit.txid, "key": deposit.key}


def _rate_of_sale(invoice: Invoice, method: PaymentMethod) -> Rate | None:
    """The quoted rate, where the quote was in the book's currency: a sale is worth what the invoice asked, and the
    merchant's spread on it, for the coins are worth that."""
    if method.rate is not None and method.rate.currency == invoice.book.currency:
        return method.rate
    return _rate_now(invoice.book, method.asset)


@remembered
def _rate_now(book: Book, asset: Asset) -> Rate | None:
    """None leaves the entry unpriced, for an accountant to price: coins are received whether a feed works or not."""
    try:
        return rates.current(book.pk, asset.code, book.currency)
    except RateError:
        return None
