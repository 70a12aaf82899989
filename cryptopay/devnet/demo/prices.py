"""Prices for the demo: fixed figures, recorded anew as time passes, because an old rate prices nothing."""

from decimal import Decimal

from django.utils import timezone

from ledger import rates

SOURCE = "demo"
REFRESH_SECONDS = 300
"""Well below the age at which a rate is refused (RATE_MAX_AGE_SECONDS)."""
PRICES = {
    ("BTC", "EUR"): Decimal("81250.00"),
    ("BTC", "USD"): Decimal("94150.00"),
    ("LTC", "EUR"): Decimal("82.40"),
    ("LTC", "USD"): Decimal("95.50"),
    ("BCH", "EUR"): Decimal("410.00"),
    ("BCH", "USD"): Decimal("475.00"),
    ("ETH", "EUR"): Decimal("2610.00"),
    ("ETH", "USD"): Decimal("3024.00"),
    ("USDX", "EUR"): Decimal("0.86"),
    ("USDX", "USD"): Decimal("1.00"),
    ("XMR", "EUR"): Decimal("312.00"),
    ("XMR", "USD"): Decimal("361.50"),
    ("EOS", "EUR"): Decimal("0.42"),
    ("EOS", "USD"): Decimal("0.49"),
}


def record_prices() -> None:
    """Record every demo price as observed now."""
    now = timezone.now()
    for (asset_code, currency), price in PRICES.items():
        rates.record(asset_code, currency, price, SOURCE, now)
