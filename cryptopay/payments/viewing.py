"""Hands the monitor what `keys` holds: the view keys with which it reads a chain that hides who is paid."""

import threading
from collections.abc import Sequence

from django.db import DatabaseError, connection

from keys import viewing
from keys.errors import KeysError
from monitor.chains import Chain
from monitor.viewing import ViewKeysUnreadable


def view_keys(chain: Chain) -> Sequence[bytes]:
    """See `monitor.viewing.provide`. One that cannot be unsealed stops the chain: without it, payments were missed."""
    try:
        return viewing.view_keys(chain)
    except (KeysError, DatabaseError) as error:
        raise ViewKeysUnreadable(f"a view key of {chain} cannot be read: {type(error).__name__}") from error
    finally:
        if threading.current_thread() is not threading.main_thread():
            connection.close()  # the monitor fetches blocks ahead in threads that live no longer than that
