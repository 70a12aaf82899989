"""Accounts that payers share, told apart by memo: each is watched as such, so that nothing sent there goes unseen.

What comes without a known memo is in suspense, and a person says whose it is.
"""

from collections.abc import Sequence
from uuid import uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from cryptopay.merchants.models import Customer
from cryptopay.payments.errors import NotAssignable, UnknownPayer
from cryptopay.payments.models import Invoice, Payment, SharedAccount, UnassignedReceipt
from keys.formats.antelope import AccountName
from keys.models import MasterKey
from ledger import chart, manual
from ledger.journal import Leg
from ledger.models import JournalEntry, Proposal
from monitor.chains import Chain
from monitor.watching import watch


def watch_accounts(chain: Chain) -> int:
    """Put accounts that were imported since under watch; how many. Retired ones stay watched: payers know them.

    By the beat, whichever way a name came in. A name that cannot be read raises `SealedKeyUnreadable`: what is sent to
    that account would go unseen, so the chain's intake stops and says so.
    """
    if not chain.coin_contract:
        return 0
    new = MasterKey.objects.filter(chain=chain.code, shared_account=None)
    accounts = [(master_key, master_key.credential()) for master_key in new]
    for master_key, credential in accounts:
        if isinstance(credential, AccountName):
            with transaction.atomic():
                watched = watch(master_key.book_id, chain, credential.name, credential.name.encode())
                SharedAccount.objects.get_or_create(
                    master_key=master_key,
                    defaults={"book_id": master_key.book_id, "chain_code": chain.code, "watched": watched},
                )
    return len(accounts)


def assign(receipt: UnassignedReceipt, whose: str, *, reason: str, by: str) -> JournalEntry | Proposal:
    """Out of suspense to whom it belongs: a customer's reference, or an invoice's number and so its customer.

    An entry by hand; above the book's limit a second person must approve it. Asked twice, it is one. The invoice itself
    stays as it is. Raises `NotAssignable`, `UnknownPayer`, and what `manual.enter` raises.
    """
    with transaction.atomic():
        receipt = UnassignedReceipt.objects.select_for_update(of=("self",)).get(pk=receipt.pk)
        if receipt.state != Payment.State.CONFIRMED:
            raise NotAssignable(f"it is {receipt.get_state_display().lower()}; only what was received is anybody's")
        if assignment(receipt) is not None:
            raise NotAssignable("it was assigned before, or that waits for a second person")
        customer = _customer(receipt, whose.strip())
        suspense = chart.find(receipt.book_id, chart.SUSPENSE, receipt.asset)
        owed = chart.customer(receipt.book_id, customer, receipt.asset)
        asked = f"receipt:{uuid4().hex}"
        receipt.assigned_as = f"{manual.SOURCE}:{asked}"
        receipt.save(update_fields=["assigned_as"])
        return manual.enter(
            receipt.book,
            [Leg(suspense, debit=receipt.base_units), Leg(owed, credit=receipt.base_units)],
            effective_at=timezone.now(),
            description=f"Receipt {receipt.deposit.txid[:16]} assigned to {whose.strip()}",
            reason=reason,
            by=by,
            idem=asked,
        )


def assignment(receipt: UnassignedReceipt) -> JournalEntry | Proposal | None:
    """What was written, or waits for a second person's word; None: nobody has said whose it is, or it was refused."""
    return assignments([receipt]).get(receipt.pk)


def assignments(receipts: Sequence[UnassignedReceipt]) -> dict[int, JournalEntry | Proposal]:
    """The same for a page of receipts, in two questions."""
    keys = {receipt.assigned_as: receipt.pk for receipt in receipts if receipt.assigned_as}
    if not keys:
        return {}
    books = {receipt.book_id for receipt in receipts}
    waiting = Proposal.objects.filter(book_id__in=books, contents__idem__in=list(keys), decision=None)
    entries = JournalEntry.objects.filter(book_id__in=books, idem__in=list(keys))
    return {keys[row.contents["idem"]]: row for row in waiting} | {keys[row.idem]: row for row in entries}


def nobodys(receipts: QuerySet[UnassignedReceipt]) -> QuerySet[UnassignedReceipt]:
    """Of these, what was received and stands in suspense still."""
    written = JournalEntry.objects.filter(book=OuterRef("book"), idem=OuterRef("assigned_as"))
    return receipts.filter(~Exists(written), state=Payment.State.CONFIRMED)


def _customer(receipt: UnassignedReceipt, whose: str) -> str:
    """The customer's reference; empty for an invoice without one."""
    invoice = Invoice.objects.filter(book_id=receipt.book_id, public_id=whose).select_related("customer").first()
    if invoice is not None:
        return invoice.customer.external_ref if invoice.customer else ""
    if Customer.objects.filter(book_id=receipt.book_id, external_ref=whose).exists():
        return whose
    raise UnknownPayer(f"{whose[:100]} is no invoice and no customer of these books")
