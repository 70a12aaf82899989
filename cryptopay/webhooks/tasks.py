"""Doorbells. Each may run twice or never: what is due is read from the database, and beat sweeps every few seconds."""

import time

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError

from cryptopay.webhooks import delivering, failing

log = structlog.get_logger(__name__)

_STALE_SECONDS = 60
_QUIET_SECONDS = 5.0


@shared_task(name="webhooks.deliver_due", ignore_result=True)
def deliver_due() -> None:
    """Send what is due; returns at once where another worker is at it."""
    delivering.deliver_due()


@shared_task(name="webhooks.tell_owners", ignore_result=True)
def tell_owners() -> None:
    """Mail about endpoints that were switched off."""
    failing.tell_owners()


class _Doorbell:
    """Rings after a commit. While the broker is down, commits are not held up by asking it each time."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def __call__(self) -> None:
        """Ask a worker to look. What is not rung for waits for the sweep, a few seconds at most."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            deliver_due.apply_async(retry=False, expires=_STALE_SECONDS)
        except OperationalError as error:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            log.warning("webhooks.not_rung", reason=str(error)[:200])


ring = _Doorbell()
