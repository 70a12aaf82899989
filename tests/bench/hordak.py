"""The peer of the ledger's figures, in its own interpreter: django-hordak as its documentation shows it.

`post` is `Account.transfer_to`, one transaction of the database each. `load` is what hordak's own command
`create_benchmark_transactions` does: `bulk_create` of transactions and legs in one transaction of the database.
The connection is Django's as it comes, for its documentation asks for no other. With PREPARES in the environment it has
our options: statements prepared at the server.
"""

import os
import random
from typing import Any

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

_where = conninfo_to_dict(os.environ["DATABASE_URL"])
_prepares = {"server_side_binding": True, "prepare_threshold": 5} if "PREPARES" in os.environ else {}
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "djmoney", "mptt", "hordak"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _where.pop("dbname"),
            "OPTIONS": {**_where, **_prepares},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    TIME_ZONE="UTC",
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from hordak.models import Account, AccountType, Leg, Transaction  # noqa: E402
from moneyed import Money  # noqa: E402

from tests.bench.clients import cpu_seconds, serve  # noqa: E402

_ACCOUNTS = 100
_accounts: list[Any] = []


def prepare(stored: int) -> None:
    """Tables, accounts and `stored` transactions."""
    call_command("migrate", verbosity=0)
    for number in range(_ACCOUNTS):
        name, kind = f"Account {number}", AccountType.asset if number % 2 else AccountType.liability
        Account.objects.create(name=name, code=str(number), type=kind, currencies=["EUR"])
    ready()
    for _ in range(stored // 1_000):
        _load(1_000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def ready() -> None:
    """Works with the accounts that are there."""
    _accounts[:] = Account.objects.order_by("pk")


def post(count: int) -> float:
    """CPU seconds an entry, posted singly. Who pays whom, and how much, is drawn before the clock starts."""
    facts = [(*random.sample(_accounts, 2), random.randint(1, 10**9)) for _ in range(count)]
    return _measured(count, lambda: [_transfer(*fact) for fact in facts])


def load(count: int) -> float:
    """CPU seconds an entry, `count` at once."""
    return _measured(count, lambda: _load(count))


def _measured(count: int, work: Any) -> float:
    connection.ensure_connection()
    return cpu_seconds(connection.connection.info.backend_pid, work) / count


def _transfer(payer: Any, payee: Any, amount: int) -> None:
    payer.transfer_to(payee, Money(amount, "EUR"), description="Payment of an invoice")


def _load(count: int) -> None:
    transactions, legs = [], []
    for _ in range(count):
        payer, payee = random.sample(_accounts, 2)
        amount = Money(random.randint(1, 10**9), "EUR")
        transactions.append(Transaction(description="Payment of an invoice"))
        legs.append(Leg(transaction=transactions[-1], account=payer, credit=amount))
        legs.append(Leg(transaction=transactions[-1], account=payee, debit=amount))
    with transaction.atomic():
        Transaction.objects.bulk_create(transactions)
        Leg.objects.bulk_create(legs)


if __name__ == "__main__":
    serve({"prepare": prepare, "ready": ready, "post": post, "load": load})
