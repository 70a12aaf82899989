"""Doorbells. Each may run twice or never: what is to be done is read from the database."""

from celery import shared_task

from cryptopay.payments import intake, lifecycle


@shared_task(name="payments.drain")
def drain(chain_code: str) -> None:
    """Take in what the monitor told of a chain."""
    intake.drain(chain_code)


@shared_task(name="payments.sweep")
def sweep() -> None:
    """Expire and end what is due."""
    lifecycle.sweep()
