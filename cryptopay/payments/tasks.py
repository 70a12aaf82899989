"""Doorbells. Each may run twice or never: what is to be done is read from the database."""

from celery import shared_task

from cryptopay.payments import intake, lifecycle
from monitor import nodes
from monitor.chains import CHAINS
from monitor.models import Cursor


@shared_task(name="payments.drain")
def drain(chain_code: str) -> None:
    """Take in what the monitor told of a chain."""
    intake.drain(chain_code)


@shared_task(name="payments.drain_switched_off")
def drain_switched_off() -> None:
    """Take in what was told of chains before they were switched off: no step rings for them any more."""
    for chain_code in Cursor.objects.values_list("chain_code", flat=True):
        if chain_code in CHAINS and not nodes.is_on(chain_code):
            intake.drain(chain_code)


@shared_task(name="payments.sweep")
def sweep() -> None:
    """Expire and end what is due."""
    lifecycle.sweep()
