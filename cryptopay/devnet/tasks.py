"""Doorbells of the demo."""

from celery import shared_task

from cryptopay.devnet.demo.prices import record_prices


@shared_task(name="devnet.record_demo_prices")
def record_demo_prices() -> None:
    """Keep the demo's prices fresh; scheduled only where the demo shop runs."""
    record_prices()
