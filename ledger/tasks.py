"""Doorbells. Each may run twice or never: what is to be done is read from the database."""

from celery import shared_task

from ledger import lots, sealing


@shared_task(name="ledger.seal")
def seal() -> None:
    """Seal every book's closed entries."""
    sealing.seal_all()


@shared_task(name="ledger.value")
def value() -> None:
    """Count what every book's coins cost, and post the gains."""
    lots.derive_all()
