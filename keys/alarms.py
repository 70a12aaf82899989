"""Alarms about addresses, written so that no rollback of the caller takes them away."""

from collections.abc import Sequence

import structlog
from django.db import DatabaseError, connection

from keys.models import AddressAlarm
from ledger import tenancy

log = structlog.get_logger(__name__)

_ONCE_AN_HOUR = """
INSERT INTO keys_addressalarm (book_id, master_key_id, address_id, found)
SELECT %(book)s, %(key)s, %(address)s::bigint, %(found)s
WHERE NOT EXISTS (
    SELECT 1 FROM keys_addressalarm
    WHERE book_id = %(book)s AND found_at > now() - interval '1 hour' AND address_id = %(address)s AND found = %(found)s
)
"""
"""A payer who reloads a page that shows nothing adds no further row."""


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
    rows = [
        {"book": alarm.book_id, "key": alarm.master_key_id, "address": alarm.address_id, "found": alarm.found}
        for alarm in alarms
    ]
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute(tenancy.naming({alarm.book_id for alarm in alarms}))
            cursor.executemany(_ONCE_AN_HOUR, rows)
        own.commit()
    finally:
        own.close()
