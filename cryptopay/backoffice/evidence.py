"""What payments and chains know of an entry: its payment and invoice, its transaction, the block it was in."""

from collections.abc import Mapping, Sequence

from cryptopay.payments import entries as accounting
from cryptopay.payments.models import Invoice, Payment
from cryptopay.payments.status import PaymentState, depth, payment_states
from ledger.evidence import Fact
from ledger.models import JournalEntry
from ledger.readonly import url_of
from monitor.models import ChainEvent

Key = tuple[str, str]
"""A chain's code, and what it makes unique there."""


def tell(entries: Sequence[JournalEntry]) -> Mapping[int, list[Fact]]:
    """Facts by the entries' ids, for entries of one book; four queries at most, however many entries."""
    book = entries[0].book_id if entries else 0
    payments = _payments(book, {_key(entry) for entry in entries if entry.meta.get("key")})
    invoices = _invoices(book, {entry.meta["invoice"] for entry in entries if entry.meta.get("invoice")})
    states = dict(zip(payments, payment_states(list(payments.values())), strict=True)) if payments else {}
    events = _events([payment.deposit_id for payment in payments.values()])
    told: dict[int, list[Fact]] = {}
    for entry in entries:
        key, invoice = _key(entry), invoices.get(entry.meta.get("invoice", ""))
        told[entry.pk] = [Fact("Invoice", str(invoice), url_of(invoice))] if invoice else []
        if key in payments:
            told[entry.pk] += _on_chain(payments[key], states[key], events.get(entry.idem))
    return told


def _on_chain(payment: Payment, state: PaymentState, event: ChainEvent | None) -> list[Fact]:
    """What this entry was written for; a later block of the same transaction is told by the payment's depth."""
    deposit = payment.deposit
    facts = [
        Fact("Payment", f"{payment.get_state_display()}, {depth(state)}", url_of(payment)),
        Fact("Transaction", deposit.txid, url_of(deposit), whole=True),
    ]
    if event is not None and event.block_height is not None:
        facts.append(Fact("Block", f"{event.block_height} of {deposit.chain.title}"))
        facts.append(Fact("Block hash", event.block_hash, whole=True))
    return facts


def _key(entry: JournalEntry) -> Key:
    return entry.meta.get("chain", ""), entry.meta.get("key", "")


def _payments(book: int, keys: set[Key]) -> dict[Key, Payment]:
    if not keys:
        return {}
    rows = Payment.objects.filter(book=book, deposit__book=book, deposit__key__in={key for _, key in keys})
    rows = rows.select_related("deposit__expectation", "asset", "method__asset", "invoice")
    return {(row.deposit.chain_code, row.deposit.key): row for row in rows}


def _invoices(book: int, public_ids: set[str]) -> dict[str, Invoice]:
    if not public_ids:
        return {}
    return {row.public_id: row for row in Invoice.objects.filter(book=book, public_id__in=public_ids)}


def _events(deposits: Sequence[int]) -> dict[str, ChainEvent]:
    """The chain's events by the key of the entry that each was booked under."""
    rows = ChainEvent.objects.filter(deposit__in=deposits).select_related("deposit") if deposits else []
    return {accounting.idem(row): row for row in rows}
