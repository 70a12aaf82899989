"""One deliverer at a time, by a lease in a row: no session state, so any connection pooler may stand between."""

import time
import uuid

from django.db import connection

LEASE_SECONDS = 10
"""A killed deliverer delays the next one by so much at most."""
_RENEWED_EVERY_SECONDS = 3

_TAKE = """
INSERT INTO webhooks_lease AS lease (name, holder, until)
VALUES ('deliveries', %(holder)s, statement_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE lease.holder = excluded.holder OR lease.until <= statement_timestamp()
RETURNING 1
"""
_GIVE_BACK = "UPDATE webhooks_lease SET until = statement_timestamp() WHERE name = 'deliveries' AND holder = %(holder)s"


class Lease:
    """The right to deliver. Two holders at once would do no harm: claims keep deliveries apart."""

    def __init__(self) -> None:
        self._holder = uuid.uuid4()
        self._taken_at = 0.0

    def take(self) -> bool:
        """True if it is ours now."""
        with connection.cursor() as sql:
            sql.execute(_TAKE, {"holder": self._holder, "seconds": LEASE_SECONDS})
            taken = sql.fetchone() is not None
        self._taken_at = time.monotonic()
        return taken

    def renew(self) -> None:
        """To be called often while delivering; asks the database only now and then."""
        if time.monotonic() - self._taken_at >= _RENEWED_EVERY_SECONDS:
            self.take()

    def give_back(self) -> None:
        with connection.cursor() as sql:
            sql.execute(_GIVE_BACK, {"holder": self._holder})
