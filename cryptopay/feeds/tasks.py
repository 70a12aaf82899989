"""Doorbells. Each may run twice or never: what is due is read from the database."""

from celery import shared_task

from cryptopay.feeds import fetching, medians
from cryptopay.feeds.sources import SOURCES


@shared_task(name="feeds.ask")
def ask(name: str) -> None:
    """Ask one source, if it is due."""
    if name in SOURCES:
        fetching.fetch(name)


@shared_task(name="feeds.agree")
def agree() -> None:
    """Record what the sources agree on."""
    medians.record_medians()
