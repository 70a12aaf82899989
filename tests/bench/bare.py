"""What the API is measured against: one bare authenticated DRF insert of two rows, on the same server.

Nothing but DRF's own serializer, the API key looked up by the ORM, and two inserts in one transaction. It shares
process, middleware and database with the API, but no wall between tenants: a policy of its own shows it every key.

`python -m tests.bench.bare` prepares the database and prints an API key.
"""

import hashlib
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
from django.db.models import Q  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from cryptopay.merchants import api_keys  # noqa: E402
from cryptopay.merchants.models import ApiKey  # noqa: E402
from keys.models import MasterKey  # noqa: E402
from ledger import chart, roles  # noqa: E402
from ledger.models import Book  # noqa: E402
from monitor.chains import CHAINS  # noqa: E402
from tests import people  # noqa: E402

STORED = 50_000

_FILL = """
INSERT INTO payments_invoice (book_id, public_id, order_id, description, amount, currency, tolerance,
                              least_confirmations, status, exception, settlements, return_url, metadata, expires_at,
                              monitored_until)
SELECT %(book)s, 'inv_' || lpad(n::text, 26, '0'), 'order ' || n, '', 0.001, 'BTC', 0, 0, 'new', 'none', 0, '', '{}',
       now() + interval '1 day', now() + interval '2 days' FROM generate_series(1, %(count)s) n;
INSERT INTO keys_address (book_id, chain, master_key_id, index, text, destination)
SELECT %(book)s, %(chain)s, %(key)s, 1000000 + n, 'bcrt1q' || n, sha256(n::text::bytea)
FROM generate_series(1, %(count)s) n;
INSERT INTO monitor_watchedaddress (book_id, chain_code, address, destination, least_confirmations)
SELECT book_id, chain, text, destination, 0 FROM keys_address WHERE master_key_id = %(key)s;
INSERT INTO payments_paymentmethod (book_id, invoice_id, asset_id, address_id, watched_id, due_base_units)
SELECT i.book_id, i.id, %(asset)s, a.id, w.id, 100000
FROM payments_invoice i
JOIN keys_address a ON a.text = 'bcrt1q' || substring(i.order_id FROM 7) AND a.master_key_id = %(key)s
JOIN monitor_watchedaddress w ON w.chain_code = a.chain AND w.destination = a.destination
WHERE i.book_id = %(book)s
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

    order = models.ForeignKey(Order, on_delete=models.CASCADE)
    text = models.CharField(max_length=100)

    class Meta:
        app_label = "payments"
        db_table = "bench_line"


class OrderSerializer(serializers.Serializer[Any]):
    """As little as a POST can hold."""

    number = serializers.CharField(max_length=100)
    amount = serializers.DecimalField(max_digits=20, decimal_places=8)


class PlainAuthentication(BaseAuthentication):
    """By one query of the ORM, as DRF's own token authentication does it."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        _, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        keys = ApiKey.objects.select_related("book", "merchant").filter(unexpired, revoked_at=None)
        return None, keys.get(secret_hash=hashlib.sha256(secret.encode()).digest())


class Bare(APIView):
    """Inserts two rows."""

    authentication_classes = [PlainAuthentication]
    permission_classes = []

    def post(self, request: Request) -> Response:
        serializer = OrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            order = Order.objects.create(**serializer.validated_data)
            Line.objects.create(order=order, text=order.number)
        return Response({"id": order.pk, **serializer.data}, status=201)


urlpatterns = [path("api/", include("cryptopay.api.urls")), path("bare", Bare.as_view())]


def application() -> Any:
    """For gunicorn."""
    return get_wsgi_application()


def prepare() -> str:
    """Tables, a merchant with `STORED` invoices, and an API key."""
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Order)
        editor.create_model(Line)
    roles.apply()
    merchant, chain = people.merchant("Alice"), CHAINS["bitcoin-regtest"]
    key, text = api_keys.create(merchant, "bench", live=False, scopes=ApiKey.Scope.values)
    with connection.cursor() as cursor:
        given = {
            "book": key.book_id,
            "count": STORED,
            "chain": chain.code,
            "key": MasterKey.objects.get(book=key.book, chain=chain.code).pk,
            "asset": chart.asset("BTC", chain.code, 8).pk,
        }
        for statement in _FILL.split(";\n"):
            cursor.execute(statement, given)
        for table in (ApiKey._meta.db_table, Book._meta.db_table):
            cursor.execute(f"CREATE POLICY bare ON {table} FOR SELECT USING (true)")
        cursor.execute("VACUUM ANALYZE")
    return text


if __name__ == "__main__":
    sys.stdout.write(prepare())
