"""Clearing accounts, which must come back to zero within their days: what stands on them, and since when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from ledger.models import Account

# Read backwards from the newest posting to the last one that left nothing: what followed it began what stands now.
_SINCE = """
    SELECT a.id, (
        SELECT p.effective_at FROM ledger_posting p
        WHERE p.book_id = a.book_id AND p.account_id = a.id AND p.layer = 0 AND p.account_seq > coalesce((
            SELECT z.account_seq FROM ledger_posting z
            WHERE z.book_id = a.book_id AND z.account_id = a.id AND z.layer = 0 AND z.balance_after = 0
            ORDER BY z.account_seq DESC LIMIT 1), 0)
        ORDER BY p.account_seq LIMIT 1)
    FROM ledger_account a WHERE a.id = ANY (%s)
"""


@dataclass(frozen=True, slots=True)
class Uncleared:
    """A clearing account that is not at zero. `base_units` are in its normal direction, `since` when it last was."""

    account: Account
    base_units: int
    since: datetime
    days: int

    @property
    def overdue(self) -> bool:
        return timezone.now() - self.since > timedelta(days=self.days)


def open_ones(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Those that must be zero some day and are not, with their balances."""
    uncleared = accounts.filter(clears_within_days__isnull=False).exclude(balance__posted=0)
    return uncleared.select_related("asset", "balance")


def uncleared(found: Iterable[Account], limit: int) -> list[Uncleared]:
    """Of `open_ones`, what is longest overdue first; one query, whatever the number of accounts and postings."""
    accounts = {account.pk: account for account in found}
    rows = [_read(accounts[pk], since) for pk, since in _since(list(accounts)) if since is not None]
    return sorted(rows, key=lambda row: row.since + timedelta(days=row.days))[:limit]


def _since(accounts: list[int]) -> list[tuple[int, datetime | None]]:
    if not accounts:
        return []
    with connection.cursor() as sql:
        sql.execute(_SINCE, [accounts])
        return list(sql.fetchall())


def _read(account: Account, since: datetime) -> Uncleared:
    return Uncleared(account, int(account.balance.posted), since, account.clears_within_days or 0)
