"""Events in an order in which none can appear before another that was read: who reads up to one has missed nothing.

Ids are drawn while transactions run, and one that drew early may commit late. So events are read in the order of the
transactions that told of them, and only as far as all of those have ended (as the ledger seals its entries).
"""

from django.db.models import QuerySet

from cryptopay.webhooks.models import Event

_POSITION = "(webhooks_event.node, webhooks_event.xid, webhooks_event.id)"
_GIVEN = "(%s, %s::xid8, %s)"
_ENDED = "(webhooks_event.node <> ledger_node() OR webhooks_event.xid < pg_snapshot_xmin(pg_current_snapshot()))"


def newest_first(rows: QuerySet[Event], before: Event | None = None) -> QuerySet[Event]:
    """All that are there, also those which others may yet appear before."""
    if before is not None:
        rows = rows.extra(where=[f"{_POSITION} < {_GIVEN}"], params=_position(before))  # noqa: S610 - our own text
    return rows.order_by("-node", "-xid", "-pk")


def since(rows: QuerySet[Event], after: Event | None = None) -> QuerySet[Event]:
    """The oldest first, from the one after `after` or from the very first; none of whose place is not yet certain.

    An event is certain once every transaction has ended that began to write before it did: mostly at once.
    """
    if after is not None:
        rows = rows.extra(where=[f"{_POSITION} > {_GIVEN}"], params=_position(after))  # noqa: S610 - our own text
    return rows.extra(where=[_ENDED]).order_by("node", "xid", "pk")  # noqa: S610 - our own text


def _position(event: Event) -> list[int | str]:
    return [event.node, str(event.xid), event.pk]
