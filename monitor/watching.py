"""What is watched. Every address ever issued is watched for good."""

from monitor.chains import Chain
from monitor.models import WatchedAddress


def watch(book_id: int, chain: Chain, address: str, destination: bytes, least_confirmations: int = 0) -> WatchedAddress:
    """Tell this book of deposits at `destination`; the same again is the same row."""
    row, _ = WatchedAddress.objects.get_or_create(
        book_id=book_id,
        chain_code=chain.code,
        destination=destination,
        defaults={"address": address, "least_confirmations": least_confirmations},
    )
    return row


def watched(chain: Chain, destinations: list[bytes]) -> dict[bytes, list[WatchedAddress]]:
    """Who watches any of these: one query, however many are watched."""
    found: dict[bytes, list[WatchedAddress]] = {}
    rows = WatchedAddress.objects.extra(  # one array parameter; IN would send one each
        where=["chain_code = %s AND destination = ANY(%s)"], params=[chain.code, destinations]
    )
    for row in rows:
        found.setdefault(bytes(row.destination), []).append(row)
    return found
