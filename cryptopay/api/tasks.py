"""The API's own chore."""

from celery import shared_task

from cryptopay.api import idempotency


@shared_task(name="api.purge_idempotency_keys", ignore_result=True)
def purge_idempotency_keys() -> int:
    """Hourly is enough; running twice or never does no harm."""
    return idempotency.purge_expired()
