"""The chart of a book as a tree: every branch with its sums, an asset a line, now or as of the end of a day.

A branch with too many accounts to read (customers) is one row with its sums; its accounts are in the flat list. The
number of queries grows neither with the accounts nor with the branches.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, F, Func, IntegerField, Q, QuerySet, Sum, TextField, Value, When
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.admin.asking import chosen
from ledger.admin.naming import asset_names
from ledger.balances import DEBIT_NORMAL
from ledger.models import Account, Asset, Book, Day
from ledger.readonly import amount, url_of
from ledger.spans import day_of, today

CROWDS = ((r"^[^:]*:[^:]*:", 60), (r"^[^:]*:", 400), (r"^", 400))
"""Branches by the beginning of the code, narrowest first, and how many accounts of one are still shown singly."""


@dataclass(slots=True)
class Sums:
    """Of one asset, in base units: `net` is debit less credit; what is pending counts in each account's direction."""

    net: int = 0
    pending_in: int = 0
    pending_out: int = 0

    def add(self, other: "Sums") -> None:
        self.net += other.net
        self.pending_in += other.pending_in
        self.pending_out += other.pending_out

    @property
    def nothing(self) -> bool:
        return not (self.net or self.pending_in or self.pending_out)


@dataclass(slots=True)
class Node:
    """A branch, an account (of several assets, perhaps), or both. `crowd` counts accounts that are not shown singly."""

    code: str
    name: str
    sums: dict[int, Sums] = field(default_factory=lambda: defaultdict(Sums))
    directions: set[bool] = field(default_factory=set)
    """Whether debits raise the accounts; a branch that mixes both says of its sums which side they are on."""
    accounts: dict[int, Account] = field(default_factory=dict)
    own: dict[int, Sums] = field(default_factory=dict)
    """Of `accounts`, where more hangs on the code of an account."""
    children: dict[str, "Node"] = field(default_factory=dict)
    crowd: int = 0
    crowd_sums: dict[int, Sums] = field(default_factory=lambda: defaultdict(Sums))

    def add(self, asset: int, sums: Sums, *, raised_by_debit: bool) -> None:
        self.sums[asset].add(sums)
        self.directions.add(raised_by_debit)


@dataclass(frozen=True, slots=True)
class Figure:
    """One asset's line in a row."""

    asset: str
    balance: SafeString | str
    pending_in: SafeString | str
    pending_out: SafeString | str
    statement: str
    explained: str


@dataclass(frozen=True, slots=True)
class Row:
    """What the page draws in turn: `open` begins a branch that `close` ends; an `account` or a `crowd` is one line."""

    kind: str
    node: Node | None = None
    figures: list[Figure] = field(default_factory=list)
    more: str = ""


def page(books: list[Book], asked: Mapping[str, str]) -> dict[str, Any]:
    """What the page is drawn from: `book`, `as_of` and `zero` may be asked."""
    book, as_of = chosen(books, asked.get("book")), day_of(asked.get("as_of", ""))
    hide = asked.get("zero") == "hide"
    root = grow(book, as_of, hide_zero=hide) if book else Node("", "")
    draw = _Drawing(book, as_of, {asset for child in root.children.values() for asset in child.sums})
    context = {"books": books, "book": book, "as_of": as_of, "today": today(), "hide": hide}
    return context | {
        "title": "Accounts",
        "rows": [row for child in root.children.values() for row in draw.rows(child)],
    }


def grow(book: Book, as_of: date | None = None, *, hide_zero: bool = False) -> Node:
    """The tree of a book's accounts. Pending amounts are today's and left out of the past."""
    crowds = _crowds(book)
    shown, crowded = _by_crowd(Account.objects.filter(book=book), crowds)
    root = Node("", "")
    for account, sums in _single(book, shown, as_of):
        if not (hide_zero and sums.nothing):
            leaf = _hang(root, account.code, account.asset_id, sums, raised_by_debit=account.kind in DEBIT_NORMAL)
            leaf.name = leaf.name if leaf.accounts else account.name
            leaf.accounts[account.asset_id], leaf.own[account.asset_id] = account, sums
    for prefix, asset, sums, raised_by_debit, count in _summed(book, crowded, crowds, as_of):
        node = _hang(root, prefix.removesuffix(":"), asset, sums, raised_by_debit=raised_by_debit)
        node.crowd += count
        node.crowd_sums[asset].add(sums)
    return _sorted(root)


def _hang(root: Node, code: str, asset: int, sums: Sums, *, raised_by_debit: bool) -> Node:
    """Add to every branch on the way to the code; the node at its end."""
    node, way = root, ""
    for part in code.split(":"):
        way = f"{way}:{part}" if way else part
        node = node.children.setdefault(part, Node(way, part.capitalize() or "Others"))
        node.add(asset, sums, raised_by_debit=raised_by_debit)
    return node


def _sorted(node: Node) -> Node:
    node.children = dict(sorted(node.children.items()))
    for child in node.children.values():
        _sorted(child)
    return node


def _crowds(book: Book) -> list[str]:
    """The beginnings of codes too many accounts have."""
    found: list[str] = []
    for pattern, most in CROWDS:
        head = Func(F("code"), Value(pattern), function="substring", output_field=TextField())
        accounts = _by_crowd(Account.objects.filter(book=book), found)[0]
        heads = accounts.annotate(head=head).filter(head__isnull=False).values("head").annotate(accounts=Count("pk"))
        found += sorted(heads.filter(accounts__gt=most).values_list("head", flat=True))
    return found


def _by_crowd(accounts: QuerySet[Account], crowds: list[str]) -> tuple[QuerySet[Account], QuerySet[Account]]:
    """Those outside all crowds, and those inside, each with the number of the first crowd it is in."""
    if not crowds:
        return accounts, accounts.none()
    cases = [When(code__startswith=prefix, then=Value(number)) for number, prefix in enumerate(crowds)]
    numbered = accounts.annotate(crowd=Case(*cases, default=None, output_field=IntegerField()))
    return numbered.filter(crowd=None), numbered.exclude(crowd=None)


def _single(book: Book, accounts: QuerySet[Account], as_of: date | None) -> Iterator[tuple[Account, Sums]]:
    found = accounts.select_related("asset", "balance").order_by("code", "asset")
    if as_of is None:
        yield from ((account, _now(account.kind, vars(account.balance))) for account in found)
        return
    days = Day.objects.filter(book=book, day__lte=as_of, account__in=accounts.values("pk"))
    nets = {
        row["account"]: int(row["net"]) for row in days.values("account").annotate(net=Sum(F("debit") - F("credit")))
    }
    yield from ((account, Sums(nets.get(account.pk, 0))) for account in found)


def _summed(
    book: Book, accounts: QuerySet[Account], crowds: list[str], as_of: date | None
) -> Iterator[tuple[str, int, Sums, bool, int]]:
    """The crowds' sums: (beginning, asset, sums, whether debits raise them, how many accounts)."""
    if not crowds:
        return
    by = ("crowd", "asset", "kind")
    nets: dict[tuple[Any, ...], int] = {}
    if as_of is not None:
        past = Q(days__book=book, days__day__lte=as_of)
        moved = accounts.filter(past).values(*by).annotate(net=Sum(F("days__debit") - F("days__credit")))
        nets = {tuple(row[name] for name in by): int(row["net"]) for row in moved}
    totals = [Sum(f"balance__{name}") for name in ("posted", "pending_in", "pending_out")]
    for row in accounts.values(*by).annotate(Count("pk"), *totals).order_by(*by):
        now = _now(row["kind"], {name.removeprefix("balance__").removesuffix("__sum"): row[name] for name in row})
        sums = now if as_of is None else Sums(nets.get(tuple(row[name] for name in by), 0))
        yield crowds[row["crowd"]], row["asset"], sums, row["kind"] in DEBIT_NORMAL, row["pk__count"]


def _now(kind: str, figures: Mapping[str, Any]) -> Sums:
    posted = int(figures["posted"])
    net = posted if kind in DEBIT_NORMAL else -posted
    return Sums(net, int(figures["pending_in"]), int(figures["pending_out"]))


class _Drawing:
    """Turns nodes into rows; reads the assets once."""

    def __init__(self, book: Book | None, as_of: date | None, assets: Collection[int]) -> None:
        self.book, self.as_of = book, as_of
        self.assets = Asset.objects.in_bulk(assets)
        self.names = asset_names(self.assets.values())

    def rows(self, node: Node) -> Iterator[Row]:
        if node.children or (node.crowd and node.accounts):
            yield Row("open", node, self._figures(node, node.sums))
            yield from self._leaves(node)
            for child in node.children.values():
                yield from self.rows(child)
            yield Row("close")
        else:
            yield from self._leaves(node)

    def _leaves(self, node: Node) -> Iterator[Row]:
        if node.accounts:
            yield Row("account", node, self._figures(node, node.own, node.accounts))
        if node.crowd:
            yield Row("crowd", node, self._figures(node, node.crowd_sums), self._list_of(node))

    def _list_of(self, node: Node) -> str:
        query = {"branch": f"{node.code}:" if node.code else "", "book__id__exact": self.book.pk if self.book else ""}
        return f"{reverse('admin:ledger_account_changelist')}?{urlencode(query)}"

    def _figures(
        self, node: Node, sums: Mapping[int, Sums], accounts: Mapping[int, Account] | None = None
    ) -> list[Figure]:
        shown = sorted(sums.items(), key=self._order)
        return [self._figure(node, asset, of_asset, (accounts or {}).get(asset)) for asset, of_asset in shown]

    def _order(self, item: tuple[int, Sums]) -> str:
        return self.names[item[0]]

    def _figure(self, node: Node, asset: int, sums: Sums, account: Account | None) -> Figure:
        unit = self.assets[asset]
        query = f"?as_of={self.as_of}" if self.as_of else ""
        return Figure(
            asset=self.names[asset],
            balance=self._balance(node, unit, sums.net),
            pending_in=amount(sums.pending_in, unit) if sums.pending_in else "",
            pending_out=amount(sums.pending_out, unit) if sums.pending_out else "",
            statement=url_of(account) + (f"?to={self.as_of}" if self.as_of else "") if account else "",
            explained=url_of(account, "explain") + query if account else "",
        )

    def _balance(self, node: Node, unit: Asset, net: int) -> SafeString | str:
        """In the accounts' own direction; where a branch mixes both, with the side it is on."""
        if len(node.directions) == 1:
            return amount(net if True in node.directions else -net, unit)
        return format_html("{} {}", amount(abs(net), unit), "debit" if net >= 0 else "credit")
