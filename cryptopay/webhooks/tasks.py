"""Doorbells. Each may run twice or never: what is due is read from the database, and beat sweeps every few seconds."""

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError

from cryptopay.webhooks import delivering

log = structlog.get_logger(__name__)

_STALE_SECONDS = 60


@shared_task(name="webhooks.deliver_due", ignore_result=True)
def deliver_due() -> None:
    """Send what is due; returns at once where another worker is at it."""
    delivering.deliver_due()


def ring() -> None:
    """Ask a worker to look. A broker that is down costs promptness only: the sweep finds what was not rung for."""
    try:
        deliver_due.apply_async(retry=False, expires=_STALE_SECONDS)
    except OperationalError as error:
        log.warning("webhooks.not_rung", reason=str(error)[:200])
