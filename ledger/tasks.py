"""Doorbells. Each may run twice or never: what is to be done is read from the database."""

from celery import shared_task

from ledger import sealing


@shared_task(name="ledger.seal")
def seal() -> None:
    """Seal every book's closed entries."""
    sealing.seal_all()
