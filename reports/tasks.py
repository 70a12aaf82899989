"""Doorbells. Each may run twice or never: what is to be done is read from the database."""

from celery import shared_task

from reports import exporting


@shared_task(name="reports.make_exports", time_limit=4 * 3600)
def make_exports() -> None:
    """What somebody waits for, one after the other."""
    while exporting.make_next():
        pass


@shared_task(name="reports.purge_exports")
def purge_exports() -> None:
    """Files that were kept long enough."""
    exporting.purge()
