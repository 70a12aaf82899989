"""Who may write what a chain showed: one at a time, and only on what was read."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from monitor.chains import Chain
from monitor.errors import SteppedAside
from monitor.models import Cursor


@contextmanager
def alone(chain: Chain, *, wait: bool = False) -> Iterator[None]:
    """One transaction, one worker a chain: the advisory lock lives as long as the transaction.

    Raises `SteppedAside` where another holds it, unless that is waited for.
    """
    lock = "(hashtext('monitor.follower'), hashtext(%s))"
    with transaction.atomic(), connection.cursor() as sql:
        if wait:
            sql.execute(f"SELECT pg_advisory_xact_lock{lock}", [chain.code])
        else:
            sql.execute(f"SELECT pg_try_advisory_xact_lock{lock}", [chain.code])
            if not sql.fetchone()[0]:
                raise SteppedAside(chain.code)
        yield


def expect(cursor: Cursor) -> None:
    """The cursor in the database is still the one we read on from; else raises `SteppedAside`."""
    stored = Cursor.objects.select_for_update().get(pk=cursor.pk)
    if (stored.height, stored.hash) != (cursor.height, cursor.hash) or stored.halted_at is not None:
        raise SteppedAside(cursor.chain_code)
