"""PostgreSQL's own transactions, in which rows are written."""

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class TransactionIdField(models.Field[int, int]):
    """A PostgreSQL transaction's 64-bit id (xid8), as `int`. It never wraps around."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "xid8"

    def from_db_value(self, value: str | None, *_: object) -> int | None:
        return None if value is None else int(value)

    def get_prep_value(self, value: int | None) -> str | None:
        return None if value is None else str(value)
