"""What entries are worth in their book's currency: by the rate each of them carries, rounded once to the minor unit."""

from ledger.models import Asset, Book
from reports.cells import Money

_USUAL_DECIMALS = 2

WORTH = """
    CASE WHEN asset.chain = '' AND asset.contract = %(currency)s THEN {units}
         WHEN rate.currency = %(currency)s
         THEN round({units} * rate.price / power(10::numeric, asset.decimals) * power(10::numeric, %(decimals)s))
    END
"""
"""In minor units, half away from zero; null where the entry carries no rate. `asset` and `rate` are joined to it."""


def decimals_of(currency: str) -> int:
    """Of its minor unit, by the asset that stands for it."""
    known = Asset.objects.filter(chain="", contract=currency).values_list("decimals", flat=True).first()
    return _USUAL_DECIMALS if known is None else known


def money(minor_units: int, book: Book, decimals: int) -> Money:
    """In the book's currency."""
    return Money(minor_units, decimals, book.currency)
