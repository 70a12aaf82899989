"""What is watched. Every address ever issued is watched for good."""

from monitor.chains import Chain
from monitor.models import WatchedAddress

_WATCH_ONCE = """
INSERT INTO monitor_watchedaddress (book_id, chain_code, address, destination, least_confirmations, created_at)
VALUES (%s, %s, %s, %s, %s, now())
ON CONFLICT (book_id, chain_code, destination) DO NOTHING RETURNING *
"""


def watch(book_id: int, chain: Chain, address: str, destination: bytes, least_confirmations: int = 0) -> WatchedAddress:
    """Tell this book of deposits at `destination`; the same again is the same row."""
    new = [book_id, chain.code, address, destination, least_confirmations]
    for row in WatchedAddress.objects.raw(_WATCH_ONCE, new):
        return row
    return WatchedAddress.objects.get(book_id=book_id, chain_code=chain.code, destination=destination)


def watched(chain: Chain, destinations: list[bytes]) -> dict[bytes, list[WatchedAddress]]:
    """Who watches any of these: one query, however many are watched."""
    found: dict[bytes, list[WatchedAddress]] = {}
    rows = WatchedAddress.objects.extra(  # one array parameter; IN would send one each
        where=["chain_code = %s AND destination = ANY(%s)"], params=[chain.code, destinations]
    )
    for row in rows:
        found.setdefault(bytes(row.destination), []).append(row)
    return found
