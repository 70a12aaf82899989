"""One look-up a kind of row, each by an index that the book leads: none of them reads a table, however long it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Model, Q, QuerySet

from cryptopay.backoffice.searching.term import Term
from cryptopay.merchants.models import Customer
from cryptopay.payments.models import ChainNotice, CustomerAddress, Invoice, Payment, UnassignedReceipt
from cryptopay.payments.quotes import asked
from cryptopay.webhooks.models import Delivery, Event
from keys.models import Address
from ledger import chart
from ledger.models import Account, Asset, JournalEntry, Posting
from ledger.readonly import amount
from monitor.chains import CHAINS
from monitor.models import Deposit, Watch, WatchedAddress, WatchedTransaction

NEWEST = 2_000
"""Amounts have no index: of each kind so many of the newest rows are looked through."""

Books = Sequence[int]


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that was found: in a few words what it is, and how it stands."""

    row: Model
    title: object
    standing: object = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of row. `leads`: it is what a person means; the others lie behind such a row, and are told beside it.

    `find` yields the newest first.
    """

    title: str
    icon: str
    model: type[Model]
    find: Callable[[Term, Books], Iterator[Hit]]
    leads: bool = True
    wide: Callable[[Term, Books], list[Q]] = lambda term, books: []
    """Further ways to such a row, for its own list: there a customer's reference finds all that they paid."""


def _invoices(term: Term, books: Books) -> Iterator[Hit]:
    named = Q(public_id=term.text.lower()) | Q(order_id=term.text)
    placed = Q(methods__watched__in=_watched(term, books)) if term.places else None
    for found in _each(Invoice, books, named, placed, select=("customer",)):
        yield _invoice(found)


def _invoice(found: Invoice) -> Hit:
    return Hit(found, f"{found}: {asked(found.amount, found.currency)} {found.currency}", found.get_status_display())


def _payments(term: Term, books: Books) -> Iterator[Hit]:
    carried = Q(deposit__in=_deposits_of(term, books)) if term.txids else None
    for found in _each(Payment, books, Q(public_id=term.text.lower()), carried, select=("asset", "invoice")):
        yield _payment(found)


def _payment(found: Payment) -> Hit:
    said = f"{found.get_state_display()}, for {found.invoice}"
    return Hit(found, amount(found.base_units, found.asset), said)


def _customers(term: Term, books: Books) -> Iterator[Hit]:
    named = Q(external_ref=term.text) | Q(public_id=term.text.lower())
    mailed = Q(email=term.text) if "@" in term.text else None
    for found in _each(Customer, books, named, mailed):
        yield Hit(found, found, found.external_ref)


def _customer_addresses(term: Term, books: Books) -> Iterator[Hit]:
    placed = Q(watched__in=_watched(term, books)) if term.places else None
    carried = Q(credits__deposit__in=_deposits_of(term, books)) if term.txids else None
    named = Q(public_id=term.text.lower())
    for found in _each(CustomerAddress, books, named, placed, carried, select=("customer",)):
        yield Hit(found, found, found.chain.title)


def _unassigned(term: Term, books: Books) -> Iterator[Hit]:
    carried = Q(deposit__in=_deposits_of(term, books)) if term.txids else None
    for found in _each(UnassignedReceipt, books, carried, select=("asset", "deposit")):
        yield Hit(found, amount(found.base_units, found.asset), found.deposit.memo or "no memo")


def _watches(term: Term, books: Books) -> Iterator[Hit]:
    placed = Q(address__in=_watched(term, books)) if term.places else None
    for found in _each(Watch, books, Q(public_id=term.text.lower()), placed):
        yield Hit(found, found, found.chain.title)


def _deliveries(term: Term, books: Books) -> Iterator[Hit]:
    told = Q(event__public_id=term.text.lower())
    for found in _each(Delivery, books, told, select=("event", "endpoint")):
        yield Hit(found, f"{found.event.type} to {found.endpoint.url}", found.get_state_display())


def _entries(term: Term, books: Books) -> Iterator[Hit]:
    ways = [Q(idem=term.text), Q(invoice_ref=term.text.lower()), Q(order_ref=term.text)]
    ways += [Q(txid__in=term.txids)] if term.txids else []
    ways += [Q(pk=term.number)] if term.number is not None else []
    for found in _each(JournalEntry, books, *ways):
        yield Hit(found, found.description, f"entry {found.pk}, {found.effective_at:%-d %b %Y}")


def _accounts(term: Term, books: Books) -> Iterator[Hit]:
    for found in _each(Account, books, Q(code=term.text.lower()), select=("asset", "balance")):
        yield Hit(found, f"{found.name}, {found.asset}", amount(found.balance.posted, found.asset))


def _deposits(term: Term, books: Books) -> Iterator[Hit]:
    if term.txids:
        for found in _deposits_of(term, books).order_by("-pk"):
            yield Hit(found, f"{found.chain.title}, {found.txid}", found.get_state_display())


def _addresses(term: Term, books: Books) -> Iterator[Hit]:
    placed = _anywhere(term, "chain")
    for found in _each(Address, books, placed):
        yield Hit(found, f"Number {found.index} of its key", CHAINS[found.chain].title)


def _of_a_customer(term: Term, books: Books) -> QuerySet[Customer]:
    return Customer.objects.filter(book__in=books, external_ref=term.text)


def _invoices_wide(term: Term, books: Books) -> list[Q]:
    ways = [Q(customer__in=_of_a_customer(term, books))]
    return [*ways, Q(payments__deposit__in=_deposits_of(term, books))] if term.txids else ways


def _customer_addresses_wide(term: Term, books: Books) -> list[Q]:
    return [Q(customer__in=_of_a_customer(term, books))]


def _payments_wide(term: Term, books: Books) -> list[Q]:
    invoices = Invoice.objects.filter(book__in=books)
    ways = [
        Q(invoice__in=invoices.filter(Q(public_id=term.text.lower()) | Q(order_id=term.text))),
        Q(invoice__in=invoices.filter(customer__in=_of_a_customer(term, books))),
    ]
    return [*ways, Q(method__watched__in=_watched(term, books))] if term.places else ways


def _entries_wide(term: Term, books: Books) -> list[Q]:
    """What stands on the customer's own accounts."""
    theirs = Account.objects.filter(book__in=books, code=chart.CUSTOMERS + term.text)
    return [Q(pk__in=Posting.objects.filter(book__in=books, account__in=theirs).values("entry"))]


def _deposits_wide(term: Term, books: Books) -> list[Q]:
    return [Q(watched__in=_watched(term, books))] if term.places else []


def _deliveries_wide(term: Term, books: Books) -> list[Q]:
    return [Q(event__in=Event.objects.filter(book__in=books, subject=term.text.lower()))]


def _customers_wide(term: Term, books: Books) -> list[Q]:
    return [Q(name__istartswith=term.text)]


def _unassigned_wide(term: Term, books: Books) -> list[Q]:
    return [Q(deposit__memo=term.text), Q(deposit__sender=term.text)]


def _watches_wide(term: Term, books: Books) -> list[Q]:
    found = WatchedTransaction.objects.filter(book__in=books, txid__in=term.txids)
    return [Q(transaction__in=found)] if term.txids else []


def _watched_addresses(term: Term, books: Books) -> Iterator[Hit]:
    if term.places:
        yield from (Hit(found, found.address) for found in _watched(term, books))


def _notices(term: Term, books: Books) -> Iterator[Hit]:
    """Of a transaction, by the addresses that it paid or by the watch on it."""
    ways = [Q(public_id=term.text.lower()), Q(subject=term.text.lower())]
    if term.places:
        ways.append(Q(address__in=_watched(term, books).values("address")))
    if term.txids:
        paid = WatchedAddress.objects.filter(deposits__in=_deposits_of(term, books)).values("address")
        watching = Watch.objects.filter(*_watches_wide(term, books), book__in=books).values("public_id")
        ways += [Q(txid__in=term.txids, address__in=paid), Q(subject__in=watching)]
    for found in _each(ChainNotice, books, *ways):
        yield Hit(found, found)


KINDS: tuple[Kind, ...] = (
    Kind("Invoices", "receipt_long", Invoice, _invoices, wide=_invoices_wide),
    Kind("Payments", "payments", Payment, _payments, wide=_payments_wide),
    Kind("Customers", "person", Customer, _customers, wide=_customers_wide),
    Kind("Customers' addresses", "contact_page", CustomerAddress, _customer_addresses, wide=_customer_addresses_wide),
    Kind("Unassigned", "help", UnassignedReceipt, _unassigned, wide=_unassigned_wide),
    Kind("Watches", "visibility", Watch, _watches, wide=_watches_wide),
    Kind("Accounts", "account_balance", Account, _accounts),
    Kind("Deliveries", "outbox", Delivery, _deliveries, wide=_deliveries_wide),
    Kind("Journal", "menu_book", JournalEntry, _entries, leads=False, wide=_entries_wide),
    Kind("Deposits", "move_to_inbox", Deposit, _deposits, leads=False, wide=_deposits_wide),
    Kind("Addresses", "qr_code_2", Address, _addresses, leads=False),
)
"""In the order they are shown; see `Kind.leads`."""


LISTED_ALONE: tuple[Kind, ...] = (
    Kind("Chain events", "notifications", ChainNotice, _notices),
    Kind("Watched addresses", "visibility", WatchedAddress, _watched_addresses),
)
"""What says again what another kind says: found in its own list, and not by the box of every page."""


def kind_of(model: type[Model]) -> Kind | None:
    return next((kind for kind in (*KINDS, *LISTED_ALONE) if kind.model is model), None)


def _invoices_over(term: Term, books: Books) -> Iterator[Hit]:
    if term.amount is not None:
        newest = _newest(Invoice, books).filter(amount=term.amount.figure)
        named = newest.filter(currency=term.amount.code) if term.amount.code else newest
        yield from map(_invoice, named.order_by("-pk"))


def _payments_of(term: Term, books: Books) -> Iterator[Hit]:
    if term.amount is None:
        return
    exact = Q(pk__in=[])
    assets = Asset.objects.filter(code=term.amount.code) if term.amount.code else Asset.objects.all()
    for asset in assets:
        base_units = term.amount.figure.scaleb(asset.decimals)
        if base_units == base_units.to_integral_value() < Decimal(10) ** 78:
            exact |= Q(asset=asset, base_units=int(base_units))
    yield from map(_payment, _newest(Payment, books).filter(exact).select_related("asset", "invoice").order_by("-pk"))


OF_AN_AMOUNT: tuple[Kind, ...] = (
    Kind("Invoices over that amount", "receipt_long", Invoice, _invoices_over),
    Kind("Payments of that amount", "payments", Payment, _payments_of),
)
"""Asked only where nothing bears what was typed as its name."""


def in_list(kind: Kind, term: Term, books: Books) -> set[int]:
    """The rows of a kind that its own list shows for what was typed."""
    named = {hit.row.pk for hit in kind.find(term, books)}
    return named | {row.pk for row in _each(kind.model, books, *kind.wide(term, books))}


def _each(model: type[Model], books: Books, *ways: Q | None, select: tuple[str, ...] = ()) -> Iterator[Any]:
    """The rows that one of the ways finds, newest first. Each way is asked by itself, so that it has its own index."""
    found: QuerySet[Any] | None = None
    for way in ways:
        if way is not None:
            one = model._default_manager.filter(way, book__in=books).order_by().values("pk")
            found = one if found is None else found.union(one)
    if found is None:
        return
    rows = model._default_manager.filter(pk__in=list(found.values_list("pk", flat=True)[:NEWEST]), book__in=books)
    yield from rows.select_related(*select).order_by("-pk") if select else rows.order_by("-pk")


def _deposits_of(term: Term, books: Books) -> QuerySet[Deposit]:
    return Deposit.objects.filter(book__in=books, txid__in=term.txids)


def _watched(term: Term, books: Books) -> QuerySet[WatchedAddress]:
    return WatchedAddress.objects.filter(_anywhere(term, "chain_code"), book__in=books)


def _anywhere(term: Term, chain: str) -> Q:
    """An address of one text may be one of several chains."""
    places = Q(pk__in=[])
    for code, destination in term.places.items():
        places |= Q(**{chain: code}, destination=destination)
    return places


def _newest(model: type[Model], books: Books) -> QuerySet[Any]:
    newest = model._default_manager.filter(book__in=books).order_by("-pk").values("pk")[:NEWEST]
    return model._default_manager.filter(pk__in=newest)
