"""What the API is measured against: bare authenticated DRF that inserts, reads and lists two rows, on the same server.

Nothing but DRF's own serializers, pages and views, the API key looked up by the ORM, and two inserts in one
transaction. It shares process, middleware and database with the API, but no wall between tenants: a policy of its own
shows it every key.

`python -m tests.bench.bare 50,000` prepares the database and prints an API key and two of the invoices; `a million`
adds the rest, older than those.
"""

import hashlib
import json
import os
import sys
from typing import Any

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptopay.settings")
settings.ROOT_URLCONF = "tests.bench.bare"
django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.db.backends.utils import CursorWrapper  # noqa: E402
from django.db.models import Q  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.generics import ListAPIView, RetrieveAPIView  # noqa: E402
from rest_framework.pagination import CursorPagination  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402

from cryptopay.merchants import api_keys  # noqa: E402
from cryptopay.merchants.models import ApiKey  # noqa: E402
from cryptopay.merchants.onboarding import customer  # noqa: E402
from cryptopay.payments.models import Invoice  # noqa: E402
from keys.derivation import deriver  # noqa: E402
from keys.models import MasterKey  # noqa: E402
from ledger import chart, roles  # noqa: E402
from ledger.models import Book  # noqa: E402
from monitor.chains import CHAINS  # noqa: E402
from tests import people  # noqa: E402

STORED, MANY = 50_000, 1_000_000

_INVOICES = """
INSERT INTO payments_invoice (id, book_id, public_id, order_id, description, amount, currency, tolerance,
                              least_confirmations, status, exception, settlements, return_url, metadata, expires_at,
                              monitored_until, customer_id)
SELECT {id}, %(book)s, 'inv_' || lpad(n::text, 26, '0'), 'order ' || n, '', 0.001, 'BTC', 0, 0,
       (ARRAY['settled', 'settled', 'settled', 'expired'])[1 + n %% 4], 'none', 0, '', '{{}}',
       now() + interval '1 day', now() + interval '2 days', CASE WHEN n %% 10 = 0 THEN %(customer)s END
FROM generate_series(%(first)s, %(last)s) n
"""
_METHODS = """
INSERT INTO keys_address (book_id, chain, master_key_id, index, text, destination)
SELECT %(book)s, %(chain)s, %(key)s, n, text, destination
FROM unnest(%(texts)s::text[], %(destinations)s::bytea[]) WITH ORDINALITY address (text, destination, n);
INSERT INTO monitor_watchedaddress (book_id, chain_code, address, destination, least_confirmations)
SELECT book_id, chain, text, destination, 0 FROM keys_address WHERE master_key_id = %(key)s;
INSERT INTO payments_paymentmethod (book_id, invoice_id, asset_id, address_id, watched_id, due_base_units)
SELECT i.book_id, i.id, %(asset)s, a.id, w.id, 100000
FROM payments_invoice i
JOIN keys_address a ON a.index = i.id AND a.master_key_id = %(key)s
JOIN monitor_watchedaddress w ON w.chain_code = a.chain AND w.destination = a.destination
WHERE i.book_id = %(book)s;
SELECT setval('payments_invoice_id_seq', %(last)s);
UPDATE keys_masterkey SET next_index = %(last)s + 1 WHERE id = %(key)s;
INSERT INTO bench_order (number, amount) SELECT n, 0.001 FROM generate_series(%(first)s, %(last)s) n;
INSERT INTO bench_line (order_id, text) SELECT id, number FROM bench_order
"""


class Order(models.Model):
    """The first row."""

    number = models.CharField(max_length=100)
    amount = models.DecimalField(max_digits=20, decimal_places=8)

    class Meta:
        app_label = "payments"
        db_table = "bench_order"


class Line(models.Model):
    """The second row."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    text = models.CharField(max_length=100)

    class Meta:
        app_label = "payments"
        db_table = "bench_line"


class OrderSerializer(serializers.Serializer[Any]):
    """As little as a POST can hold."""

    number = serializers.CharField(max_length=100)
    amount = serializers.DecimalField(max_digits=20, decimal_places=8)


class LineSerializer(serializers.ModelSerializer[Line]):
    """As DRF's documentation has it."""

    class Meta:
        model = Line
        fields = ("id", "text")


class WholeOrderSerializer(serializers.ModelSerializer[Order]):
    """With its line."""

    lines = LineSerializer(many=True, read_only=True)

    class Meta:
        model = Order
        fields = ("id", "number", "amount", "lines")


class Newest(CursorPagination):
    """As many a page as the API's."""

    page_size = 50
    ordering = "-id"


class PlainAuthentication(BaseAuthentication):
    """By one query of the ORM, as DRF's own token authentication does it."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        _, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        keys = ApiKey.objects.select_related("book", "merchant").filter(unexpired, revoked_at=None)
        return None, keys.get(secret_hash=hashlib.sha256(secret.encode()).digest())


class Bare(ListAPIView[Order]):
    """Inserts two rows; lists them."""

    authentication_classes = [PlainAuthentication]
    permission_classes = []
    pagination_class = Newest
    serializer_class = WholeOrderSerializer
    queryset = Order.objects.prefetch_related("lines")

    def post(self, request: Request) -> Response:
        serializer = OrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            order = Order.objects.create(**serializer.validated_data)
            Line.objects.create(order=order, text=order.number)
        return Response({"id": order.pk, **serializer.data}, status=201)


class OneBare(RetrieveAPIView[Order]):
    """Reads the two rows."""

    authentication_classes = [PlainAuthentication]
    permission_classes = []
    serializer_class = WholeOrderSerializer
    queryset = Order.objects.prefetch_related("lines")


urlpatterns = [
    path("api/", include("cryptopay.api.urls")),
    path("bare", Bare.as_view()),
    path("bare/<int:pk>", OneBare.as_view()),
]


def application() -> Any:
    """For gunicorn."""
    return get_wsgi_application()


def prepare() -> dict[str, str]:
    """Tables, a merchant with `STORED` invoices, an API key, and the ids of the newest and the oldest invoice."""
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Order)
        editor.create_model(Line)
    roles.apply()
    merchant = people.merchant("Alice")
    key, text = api_keys.create(merchant, "bench", live=False, scopes=ApiKey.Scope.values)
    with connection.cursor() as cursor:
        _fill(cursor, key.book, STORED)
        for table in (ApiKey._meta.db_table, Book._meta.db_table):
            cursor.execute(f"CREATE POLICY bare ON {table} FOR SELECT USING (true)")
        cursor.execute("VACUUM ANALYZE")
    return {"api_key": text, "invoice_id": f"inv_{STORED:026}", "oldest_id": f"inv_{MANY - 60:026}"}


def _fill(cursor: CursorWrapper, book: Book, count: int) -> None:
    """Invoices whose methods are chosen; their addresses follow from the key, for each is derived when it is shown."""
    master_key, chain = (
        MasterKey.objects.get(book=book, chain=CHAINS["bitcoin-regtest"].code),
        CHAINS["bitcoin-regtest"],
    )
    derive = deriver(master_key.credential(), chain)
    addresses = [derive.address(index) for index in range(1, count + 1)]
    given = {
        **_invoices_of(book, 1, count),
        "chain": chain.code,
        "key": master_key.pk,
        "asset": chart.asset("BTC", chain.code, 8).pk,
        "texts": [address for address, _ in addresses],
        "destinations": [destination for _, destination in addresses],
    }
    for statement in (_INVOICES.format(id="n"), *_METHODS.split(";\n")):
        cursor.execute(statement, given)


def add() -> None:
    """Up to `MANY` invoices, older than those that are there, which had no method chosen."""
    book = Invoice.objects.get(public_id=f"inv_{STORED:026}").book
    with connection.cursor() as cursor:
        cursor.execute(_INVOICES.format(id="-n"), _invoices_of(book, STORED + 1, MANY))
        cursor.execute("VACUUM ANALYZE")


def _invoices_of(book: Book, first: int, last: int) -> dict[str, Any]:
    return {"book": book.pk, "customer": customer(book, "ann").pk, "first": first, "last": last}


if __name__ == "__main__":
    if sys.argv[1] == "a million":
        add()
    else:
        sys.stdout.write(json.dumps(prepare()))
