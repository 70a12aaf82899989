"""One look-up a kind of row, each by an index that the book leads: none of them reads a table, however long it is."""

from collections.abc import Callable, Sequence
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
    """One kind of row. `leads`: it is what a person means; the others lie behind such a row, and are told beside it."""

    title: str
    icon: str
    model: type[Model]
    ways: Callable[[Term, Books], list[Q]]
    """Each is asked by itself, so that it has its own index."""
    hit: Callable[[Any], Hit]
    select: tuple[str, ...] = ()
    """What `hit` reads beside the row."""
    leads: bool = True
    wide: Callable[[Term, Books], list[Q]] = lambda term, books: []
    """Further ways to such a row, for its own list: there a customer's reference finds all that they paid."""

    def keys(self, term: Term, books: Books, *, wide: bool = False) -> QuerySet[Any]:
        """Of the rows that one of the ways finds, in no order; `NEWEST` at most."""
        ways = self.ways(term, books) + (self.wide(term, books) if wide else [])
        rows = self.model._default_manager.filter(book__in=books).order_by().values_list("pk", flat=True)
        found = [rows.filter(way) for way in ways] or [rows.none()]
        return (found[0].union(*found[1:]) if found[1:] else found[0])[:NEWEST]

    def rows(self, keys: Sequence[int], books: Books) -> QuerySet[Any]:
        """These, newest first."""
        rows = self.model._default_manager.filter(pk__in=keys, book__in=books).order_by("-pk")
        return rows.select_related(*self.select) if self.select else rows


def _invoices(term: Term, books: Books) -> list[Q]:
    ways = [Q(public_id=term.text.lower()), Q(order_id=term.text)]
    return [*ways, Q(methods__watched__in=_watched(term, books))] if term.places else ways


def _invoice(found: Invoice) -> Hit:
    return Hit(found, f"{found}: {asked(found.amount, found.currency)} {found.currency}", found.get_status_display())


def _payments(term: Term, books: Books) -> list[Q]:
    return [Q(public_id=term.text.lower()), *_carried("deposit", term, books)]


def _payment(found: Payment) -> Hit:
    said = f"{found.get_state_display()}, for {found.invoice}"
    return Hit(found, amount(found.base_units, found.asset), said)


def _customers(term: Term, books: Books) -> list[Q]:
    ways = [Q(external_ref=term.text), Q(public_id=term.text.lower())]
    return [*ways, Q(email=term.text)] if "@" in term.text else ways


def _customer(found: Customer) -> Hit:
    return Hit(found, found, found.external_ref)


def _customer_addresses(term: Term, books: Books) -> list[Q]:
    placed = [Q(watched__in=_watched(term, books))] if term.places else []
    return [Q(public_id=term.text.lower()), *placed, *_carried("credits__deposit", term, books)]


def _of_a_chain(found: CustomerAddress | Watch) -> Hit:
    return Hit(found, found, found.chain.title)


def _unassigned(term: Term, books: Books) -> list[Q]:
    return _carried("deposit", term, books)


def _receipt(found: UnassignedReceipt) -> Hit:
    return Hit(found, amount(found.base_units, found.asset), found.deposit.memo or "no memo")


def _watches(term: Term, books: Books) -> list[Q]:
    placed = [Q(address__in=_watched(term, books))] if term.places else []
    return [Q(public_id=term.text.lower()), *placed]


def _deliveries(term: Term, books: Books) -> list[Q]:
    return [Q(event__public_id=term.text.lower())]


def _delivery(found: Delivery) -> Hit:
    return Hit(found, f"{found.event.type} to {found.endpoint.url}", found.get_state_display())


def _entries(term: Term, books: Books) -> list[Q]:
    ways = [Q(idem=term.text), Q(invoice_ref=term.text.lower()), Q(order_ref=term.text)]
    ways += [Q(txid__in=term.txids)] if term.txids else []
    return [*ways, Q(pk=term.number)] if term.number is not None else ways


def _entry(found: JournalEntry) -> Hit:
    return Hit(found, found.description, f"entry {found.pk}, {found.effective_at:%-d %b %Y}")


def _accounts(term: Term, books: Books) -> list[Q]:
    return [Q(code=term.text.lower())]


def _account(found: Account) -> Hit:
    return Hit(found, f"{found.name}, {found.asset}", amount(found.balance.posted, found.asset))


def _deposits(term: Term, books: Books) -> list[Q]:
    return [Q(txid__in=term.txids)] if term.txids else []


def _deposit(found: Deposit) -> Hit:
    return Hit(found, f"{found.chain.title}, {found.txid}", found.get_state_display())


def _addresses(term: Term, books: Books) -> list[Q]:
    return [_anywhere(term, "chain")] if term.places else []


def _address(found: Address) -> Hit:
    return Hit(found, f"Number {found.index} of its key", CHAINS[found.chain].title)


def _carried(deposit: str, term: Term, books: Books) -> list[Q]:
    """By its transaction."""
    return [Q(**{f"{deposit}__in": _deposits_of(term, books)})] if term.txids else []


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


def _watched_addresses(term: Term, books: Books) -> list[Q]:
    return [_anywhere(term, "chain_code")] if term.places else []


def _watched_address(found: WatchedAddress) -> Hit:
    return Hit(found, found.address)


def _notices(term: Term, books: Books) -> list[Q]:
    """Of a transaction, by the addresses that it paid or by the watch on it."""
    ways = [Q(public_id=term.text.lower()), Q(subject=term.text.lower())]
    if term.places:
        ways.append(Q(address__in=_watched(term, books).values("address")))
    if term.txids:
        paid = WatchedAddress.objects.filter(deposits__in=_deposits_of(term, books)).values("address")
        watching = Watch.objects.filter(*_watches_wide(term, books), book__in=books).values("public_id")
        ways += [Q(txid__in=term.txids, address__in=paid), Q(subject__in=watching)]
    return ways


def _notice(found: ChainNotice) -> Hit:
    return Hit(found, found)


KINDS: tuple[Kind, ...] = (
    Kind("Invoices", "receipt_long", Invoice, _invoices, _invoice, ("customer",), wide=_invoices_wide),
    Kind("Payments", "payments", Payment, _payments, _payment, ("asset", "invoice"), wide=_payments_wide),
    Kind("Customers", "person", Customer, _customers, _customer, wide=_customers_wide),
    Kind(
        "Customers' addresses",
        "contact_page",
        CustomerAddress,
        _customer_addresses,
        _of_a_chain,
        ("customer",),
        wide=_customer_addresses_wide,
    ),
    Kind("Unassigned", "help", UnassignedReceipt, _unassigned, _receipt, ("asset", "deposit"), wide=_unassigned_wide),
    Kind("Watches", "visibility", Watch, _watches, _of_a_chain, wide=_watches_wide),
    Kind("Accounts", "account_balance", Account, _accounts, _account, ("asset", "balance")),
    Kind("Deliveries", "outbox", Delivery, _deliveries, _delivery, ("event", "endpoint"), wide=_deliveries_wide),
    Kind("Journal", "menu_book", JournalEntry, _entries, _entry, leads=False, wide=_entries_wide),
    Kind("Deposits", "move_to_inbox", Deposit, _deposits, _deposit, leads=False, wide=_deposits_wide),
    Kind("Addresses", "qr_code_2", Address, _addresses, _address, leads=False),
)
"""In the order they are shown; see `Kind.leads`."""


LISTED_ALONE: tuple[Kind, ...] = (
    Kind("Chain events", "notifications", ChainNotice, _notices, _notice),
    Kind("Watched addresses", "visibility", WatchedAddress, _watched_addresses, _watched_address),
)
"""What says again what another kind says: found in its own list, and not by the box of every page."""


def kind_of(model: type[Model]) -> Kind | None:
    return next((kind for kind in (*KINDS, *LISTED_ALONE) if kind.model is model), None)


def _invoices_over(term: Term, books: Books) -> list[Q]:
    if term.amount is None:
        return []
    over = Q(amount=term.amount.figure) & _among_the_newest(Invoice, books)
    return [over & Q(currency=term.amount.code) if term.amount.code else over]


def _payments_of(term: Term, books: Books) -> list[Q]:
    if term.amount is None:
        return []
    exact = Q(pk__in=[])
    assets = Asset.objects.filter(code=term.amount.code) if term.amount.code else Asset.objects.all()
    for asset in assets:
        base_units = term.amount.figure.scaleb(asset.decimals)
        if base_units == base_units.to_integral_value() < Decimal(10) ** 78:
            exact |= Q(asset=asset, base_units=int(base_units))
    return [exact & _among_the_newest(Payment, books)]


OF_AN_AMOUNT: tuple[Kind, ...] = (
    Kind("Invoices over that amount", "receipt_long", Invoice, _invoices_over, _invoice),
    Kind("Payments of that amount", "payments", Payment, _payments_of, _payment, ("asset", "invoice")),
)
"""Asked only where nothing bears what was typed as its name."""


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


def _among_the_newest(model: type[Model], books: Books) -> Q:
    return Q(pk__in=model._default_manager.filter(book__in=books).order_by("-pk").values("pk")[:NEWEST])
