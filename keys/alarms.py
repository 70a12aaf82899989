"""Alarms about addresses, written so that no rollback of the caller takes them away."""

from collections.abc import Sequence

import structlog
from django.db import DatabaseError, connection

from keys.models import AddressAlarm

log = structlog.get_logger(__name__)


def raise_alarms(alarms: Sequence[AddressAlarm]) -> None:
    """Log, then store by a connection of its own, committed at once.

    Never raises: the caller refuses the address in any case, and the log line stands even where the row could not.
    """
    if not alarms:
        return
    for alarm in alarms:
        log.critical(
            "address_verification_failed", address_id=alarm.address_id, found=alarm.found, code="address_alarm"
        )
    try:
        _store(alarms)
    except DatabaseError:
        log.critical("address_alarms_not_stored", count=len(alarms), exc_info=True)


def _store(alarms: Sequence[AddressAlarm]) -> None:
    own = connection.copy("alarms")
    own.settings_dict["OPTIONS"].pop("pool", None)  # an exhausted pool must not hold an alarm back
    own.settings_dict["ATOMIC_REQUESTS"] = False
    columns = "book_id, master_key_id, address_id, found"
    rows = [(alarm.book_id, alarm.master_key_id, alarm.address_id, alarm.found) for alarm in alarms]
    try:
        with own.cursor() as cursor:
            cursor.executemany(f"INSERT INTO keys_addressalarm ({columns}) VALUES (%s, %s, %s, %s)", rows)  # noqa: S608
    finally:
        own.close()
