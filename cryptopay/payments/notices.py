"""What programs hear of the chains themselves: of addresses they were given and of what they watch.

Each notice is a row that stays, and a webhook in the same commit. Rows of one book are numbered under a lock that lives
until the commit, so whoever has read up to one of them has missed none, whichever chains they come from.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from cryptopay.payments import events, representation
from cryptopay.payments.models import ChainNotice, CustomerAddress
from cryptopay.webhooks import outbox
from keys import issuing
from ledger.money import Unit
from monitor.chains import CHAINS
from monitor.models import ChainEvent, TransactionEvent, Watch
from monitor.tokens import Token

KIND = {
    ChainEvent.Kind.SEEN: ChainNotice.Kind.SEEN,
    ChainEvent.Kind.CONFIRMED: ChainNotice.Kind.CONFIRMED,
    ChainEvent.Kind.DROPPED: ChainNotice.Kind.DROPPED,
    ChainEvent.Kind.REORGED: ChainNotice.Kind.REVERSED,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a notice is about. `address` is empty for a transaction, and where ours did not verify."""

    public_id: str
    address: str = ""
    user: str | None = None
    metadata: Mapping[str, str] | None = None


def tell_of_deposits(told: Sequence[ChainEvent], given: Mapping[int, CustomerAddress]) -> None:
    """At the end of the intake's commit, when it takes no further lock. `given`: customers' addresses, by what is
    watched for them."""
    watched = {event.deposit.watched_id for event in told}
    subjects = _subjects(watched, [address for pk, address in given.items() if pk in watched])
    wanted = [event for event in told if event.deposit.watched_id in subjects]
    units = _units(wanted)
    _tell(
        _notice(event, subject, representation.deposit_notice(event, units[_coin(event)]))
        for event in wanted
        for subject in subjects[event.deposit.watched_id]
    )


def tell_of_transactions(told: Iterable[TransactionEvent]) -> None:
    """The same of watched transactions."""
    _tell(
        _notice(event, Subject(watch.public_id, metadata=watch.metadata), representation.transaction_notice(event))
        for event in told
        if (watch := event.transaction.watch).ended_at is None
    )


def of_book(book_id: int) -> QuerySet[ChainNotice]:
    """All that was told to the book's programs."""
    return ChainNotice.objects.filter(book_id=book_id)


def _subjects(watched: set[int], given: Sequence[CustomerAddress]) -> dict[int, list[Subject]]:
    """By watched address: the customer it was given to, and the watch somebody opened on it."""
    found: dict[int, list[Subject]] = defaultdict(list)
    shown = issuing.verified_many(address.address for address in given) if given else {}
    for address in given:
        text, user = shown.get(address.address_id, ""), address.customer.external_ref
        found[address.watched_id].append(Subject(address.public_id, text, user, address.metadata))
    for watch in Watch.objects.filter(address__in=watched, ended_at__isnull=True).select_related("address"):
        assert watch.address is not None  # noqa: S101 - it is one of an address
        found[watch.address.pk].append(Subject(watch.public_id, watch.address.address, metadata=watch.metadata))
    return found


def _coin(event: ChainEvent) -> tuple[str, str]:
    return event.chain_code, event.deposit.contract


def _units(told: Iterable[ChainEvent]) -> dict[tuple[str, str], Unit | None]:
    """What each deposit is counted in; None: a token nobody here has named."""
    coins = {_coin(event) for event in told}
    contracts = {contract for _, contract in coins if contract}
    tokens = Token.objects.filter(contract__in=contracts) if contracts else []
    known: dict[tuple[str, str], Unit] = {(token.chain_code, token.contract): token for token in tokens}
    return {coin: known.get(coin) if coin[1] else CHAINS[coin[0]].native for coin in coins}


def _notice(event: ChainEvent | TransactionEvent, subject: Subject, facts: dict[str, Any]) -> ChainNotice:
    row = ChainNotice(
        book_id=event.book_id,
        chain_code=event.chain_code,
        kind=KIND[ChainEvent.Kind(event.kind)],
        subject=subject.public_id,
        txid=facts["txid"],
        address=subject.address,
    )
    row.payload = {
        "id": row.public_id,
        "kind": row.kind,
        "subject": row.subject,
        "user": subject.user,
        "chain": row.chain_code,
        **representation.place(subject.address),
        **facts,
        "metadata": dict(subject.metadata or {}),
    }
    return row


def _tell(notices: Iterable[ChainNotice]) -> None:
    """Books in one order, so that two chains' intakes never wait for each other in a circle."""
    by_book: dict[int, list[ChainNotice]] = defaultdict(list)
    for notice in notices:
        by_book[notice.book_id].append(notice)
    for book_id in sorted(by_book):
        with connection.cursor() as sql:
            sql.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"payments.notices {book_id}"])
        with outbox.together():
            told = [events.tell_of_chain(notice) for notice in by_book[book_id]]
        for notice, event in zip(by_book[book_id], told, strict=True):
            notice.sequence = event.sequence
        ChainNotice.objects.bulk_create(by_book[book_id])
