"""Newcomers: merchants with their two books, and customers."""

from django.conf import settings
from django.db import connection, transaction

from cryptopay.merchants.errors import ReferenceRefused
from cryptopay.merchants.models import Customer, Membership, Merchant, User
from ledger import chart, tenancy
from ledger.models import Book
from monitor.chains import CHAINS

LONGEST_REFERENCE = 128


@transaction.atomic
def create_merchant(name: str, currency: str = "EUR") -> Merchant:
    """The merchant with a live and a test book, both valued in `currency` (ISO 4217).

    The books' numbers are drawn first, so that whoever sees no other book can make these two.
    """
    live, test = _next_book(), _next_book()
    with tenancy.books([live, test]):
        return Merchant.objects.create(
            name=name,
            live_book=Book.objects.create(pk=live, name=name, currency=currency, is_test=False),
            test_book=Book.objects.create(pk=test, name=name, currency=currency, is_test=True),
        )


@transaction.atomic
def found_merchant(founder: User, name: str, currency: str) -> Merchant:
    """A newcomer's own merchant, with a shop's chart of accounts for every coin that can be taken here."""
    merchant = create_merchant(name, currency)
    for book in (merchant.live_book, merchant.test_book):
        coins = [CHAINS[code] for code in settings.NODE_URLS if CHAINS[code].live != book.is_test]
        with tenancy.book(book.pk):
            chart.open_template(book.pk, "shop", [chart.asset(c.native.code, c.code, c.native.decimals) for c in coins])
    Membership.objects.create(merchant=merchant, user=founder, role=Membership.Role.OWNER)
    founder.is_staff = True
    founder.save(update_fields=["is_staff"])
    return merchant


def _next_book() -> int:
    with connection.cursor() as sql:
        sql.execute("SELECT nextval(pg_get_serial_sequence('ledger_book', 'id'))")
        return int(sql.fetchone()[0])


def customer(book: Book, external_ref: str, name: str = "") -> Customer:
    """The customer of that reference, made at first use; two callers at once get the same one.

    `name` counts for a newcomer only. Raises `ReferenceRefused`.
    """
    if not 0 < len(external_ref) <= LONGEST_REFERENCE or external_ref != external_ref.strip():
        raise ReferenceRefused(f"A customer's reference has 1 to {LONGEST_REFERENCE} characters.", "/external_ref")
    if not external_ref.isprintable():
        raise ReferenceRefused("A customer's reference has visible characters only.", "/external_ref")
    found, _ = Customer.objects.get_or_create(book=book, external_ref=external_ref, defaults={"name": name})
    return found
