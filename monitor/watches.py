"""Watches: what a program asked to hear of, and the end of it. An address given to payers stays watched."""

from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from monitor import backfill, confirmations
from monitor.chains import Chain
from monitor.errors import SinceTooEarly, StillReadingAgain, TooManyWatches, WatchConflict
from monitor.models import Backfill, Cursor, Watch, WatchedAddress, WatchedTransaction

MOST_WATCHES = 10_000
"""Open ones of a book, addresses given to payers not counted. Each costs a row, and none a question to a node."""
MOST_BLOCKS_BACK = 10_000
"""Read again for a watch. What lies further back is the operator's to ask for (`manage.py rescan_chain`)."""
MOST_READ_AGAIN = 50
"""A book's watches for which blocks are still to be read again. It costs the node, and others wait for it."""
ANY_AMOUNT = 2**256
"""Nobody knows what a watched transaction is worth: the policy for any amount holds."""


@transaction.atomic
def watch_address(
    book_id: int,
    chain: Chain,
    address: str,
    destination: bytes,
    *,
    at_least: int = 0,
    since_height: int | None = None,
    metadata: dict[str, Any] | None = None,
) -> tuple[Watch, bool]:
    """The open watch of that destination, and whether it was made now.

    `at_least` confirmations are asked beyond the chain's policy; the blocks from `since_height` on are read again.
    Raises `WatchConflict` if it is watched otherwise, `TooManyWatches`, `SinceTooEarly`, `StillReadingAgain`.
    """
    _one_by_one(book_id)
    watched, made = WatchedAddress.objects.get_or_create(
        book_id=book_id,
        chain_code=chain.code,
        destination=destination,
        defaults={"address": address, "least_confirmations": at_least, "own": False},
    )
    known = Watch.objects.filter(address=watched, ended_at__isnull=True).first()
    if known is not None:
        return _same(known, at_least, since_height, metadata), False
    if not made:
        _watch_again(watched, at_least)
    _expect_room(book_id)
    return _made(book_id, chain, at_least, since_height, metadata, address=watched), True


@transaction.atomic
def watch_transaction(
    book_id: int,
    chain: Chain,
    txid: str,
    *,
    at_least: int = 0,
    since_height: int | None = None,
    metadata: dict[str, Any] | None = None,
) -> tuple[Watch, bool]:
    """The same for a transaction."""
    _one_by_one(book_id)
    open_ones = WatchedTransaction.objects.filter(book_id=book_id, chain_code=chain.code, ended_at__isnull=True)
    known = Watch.objects.filter(transaction__in=open_ones.filter(txid=txid)).first()
    if known is not None:
        return _same(known, at_least, since_height, metadata), False
    _expect_room(book_id)
    row = WatchedTransaction.objects.create(
        book_id=book_id,
        chain_code=chain.code,
        txid=txid,
        required_confirmations=confirmations.required(chain, ANY_AMOUNT, at_least, tiers=confirmations.policy(chain)),
    )
    return _made(book_id, chain, at_least, since_height, metadata, transaction=row), True


@transaction.atomic
def end(watch: Watch) -> None:
    """Nothing more is told of it. What was given to payers stays watched. Ending twice keeps the first moment."""
    _one_by_one(watch.book_id)
    Watch.objects.filter(pk=watch.pk, ended_at__isnull=True).update(ended_at=Now())
    WatchedAddress.objects.filter(watches=watch, own=False, ended_at__isnull=True).update(ended_at=Now())
    WatchedTransaction.objects.filter(watch=watch, ended_at__isnull=True).update(ended_at=Now())
    watch.refresh_from_db(fields=["ended_at"])


def _made(
    book_id: int,
    chain: Chain,
    at_least: int,
    since_height: int | None,
    metadata: dict[str, Any] | None,
    **watched: WatchedAddress | WatchedTransaction,
) -> Watch:
    made = Watch.objects.create(
        book_id=book_id,
        chain_code=chain.code,
        confirmations=at_least,
        since_height=since_height,
        metadata=metadata or {},
        **watched,
    )
    if since_height is not None:
        _expect_recent(chain, since_height)
        _expect_patience(book_id)
        backfill.request(chain, since_height, asked_for=made.public_id)
    return made


def _same(known: Watch, at_least: int, since_height: int | None, metadata: dict[str, Any] | None) -> Watch:
    asked = (at_least, since_height, metadata or {})
    if (known.confirmations, known.since_height, known.metadata) != asked:
        raise WatchConflict(f"This is watched already, in another way: {known.public_id}. End that watch first.")
    return known


def _watch_again(watched: WatchedAddress, at_least: int) -> None:
    """The book's own addresses keep what was said when they were given; others follow the new watch."""
    if not watched.own:
        watched.ended_at, watched.least_confirmations = None, at_least
        watched.save(update_fields=["ended_at", "least_confirmations"])
    elif at_least > watched.least_confirmations:
        raise WatchConflict("This address was given to a payer; how many confirmations it waits for is settled.")


def _one_by_one(book_id: int) -> None:
    """Of one book's requests: two at once must see each other's watches."""
    with connection.cursor() as sql:
        sql.execute("SELECT pg_advisory_xact_lock(hashtext('monitor.watches'), %s)", [book_id])


def _expect_room(book_id: int) -> None:
    if Watch.objects.filter(book_id=book_id, ended_at__isnull=True).count() >= MOST_WATCHES:
        raise TooManyWatches(f"A book has at most {MOST_WATCHES} open watches. End some.")


def _expect_recent(chain: Chain, since_height: int) -> None:
    read_to = Cursor.objects.filter(chain_code=chain.code).values_list("height", flat=True).first()
    if read_to is not None and since_height < read_to - MOST_BLOCKS_BACK:
        raise SinceTooEarly(f"At most {MOST_BLOCKS_BACK} blocks are read again: from {read_to - MOST_BLOCKS_BACK} on.")


def _expect_patience(book_id: int) -> None:
    asked = Watch.objects.filter(book_id=book_id, since_height__isnull=False).values("public_id")
    if Backfill.objects.filter(finished_at__isnull=True, asked_for__in=asked).count() >= MOST_READ_AGAIN:
        raise StillReadingAgain("Blocks are still being read again for your earlier watches. Ask again later.")
