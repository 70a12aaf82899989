"""Doorbells. Each may run twice or never: what is to be done is read from the database and the nodes."""

import structlog
from celery import shared_task

from cryptopay.monthend import packages, reconciling
from cryptopay.monthend.errors import ReconciliationNotReady
from monitor.connectors.base import NodeError
from monitor.errors import ChainOff

log = structlog.get_logger(__name__)

_LONG_SECONDS = 3600
"""A search through all unspent outputs of a large chain takes minutes, and so does a package of a million entries."""


@shared_task(name="monthend.reconcile", time_limit=_LONG_SECONDS)
def reconcile(chain_code: str) -> None:
    """Hold one chain's node against the books; a failure is kept on the chain's row and delays no other."""
    try:
        reconciling.reconcile_switched_on(chain_code)
    except (ChainOff, NodeError, ReconciliationNotReady) as error:
        log.warning("reconciliation.not_done", chain=chain_code, reason=str(error))


@shared_task(name="monthend.make_packages", time_limit=_LONG_SECONDS)
def make_packages() -> None:
    """Make what closed periods lack; one that fails holds up no other."""
    packages.make_all()
