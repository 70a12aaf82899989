"""Addresses that are watched: every one ever given to payers, for good, and what somebody asked to hear of."""

from django.db import connection

from ledger.rows import among
from monitor.chains import Chain
from monitor.models import WatchedAddress

_FIELDS = [field.attname for field in WatchedAddress._meta.concrete_fields]
_WATCH_ONCE = f"""
INSERT INTO monitor_watchedaddress (book_id, chain_code, address, destination, least_confirmations, created_at)
VALUES (%s, %s, %s, %s, %s, now())
ON CONFLICT (book_id, chain_code, destination) DO UPDATE SET own = true, ended_at = NULL
WHERE NOT monitor_watchedaddress.own RETURNING {", ".join(_FIELDS)}
"""  # noqa: S608


def watch(book_id: int, chain: Chain, address: str, destination: bytes, least_confirmations: int = 0) -> WatchedAddress:
    """Tell this book for good of deposits at `destination`, an address of its own; the same again is the same row."""
    with connection.cursor() as sql:  # plain: every invoice comes here
        sql.execute(_WATCH_ONCE, [book_id, chain.code, address, destination, least_confirmations])
        row = sql.fetchone()
    if row is not None:
        return WatchedAddress.from_db("default", _FIELDS, row)
    return WatchedAddress.objects.get(book_id=book_id, chain_code=chain.code, destination=destination)


def watched(chain: Chain, destinations: list[bytes]) -> dict[bytes, list[WatchedAddress]]:
    """Who watches any of these: one query, however many are watched."""
    found: dict[bytes, list[WatchedAddress]] = {}
    watching = WatchedAddress.objects.filter(chain_code=chain.code, ended_at__isnull=True).defer(
        "address", "created_at"
    )
    for row in among(watching, "destination", destinations):
        found.setdefault(bytes(row.destination), []).append(row)
    return found
