"""The chart of accounts: codes an accountant knows, one account per code and asset.

    assets:custody:<chain>              coins on our addresses
    liabilities:customers:<reference>   what a customer has paid in and not yet bought or taken back
    liabilities:guests                  the same for invoices that name no customer
    income:sales                        settled invoices

`TEMPLATES` tells the rest. Accounts that payments write to are opened on demand and stay open: what a chain tells
cannot be refused.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from django.db import connection, transaction
from django.utils import timezone

from ledger.errors import AccountCodeInvalid, AccountNotEmpty, AccountStaysOpen, UnknownAccount
from ledger.models import Account, Asset, Balance
from ledger.remembering import remember, remembered
from ledger.rows import among

_Kind = Account.Kind

_ASSET_FIELDS = [field.attname for field in Asset._meta.concrete_fields]
_ASSET = f"SELECT {', '.join(_ASSET_FIELDS)} FROM ledger_asset WHERE chain = %s AND contract = %s"  # noqa: S608

CUSTODY = "assets:custody:"
CUSTOMERS = "liabilities:customers:"
GUESTS = "liabilities:guests"
SALES = "income:sales"
SUSPENSE = "suspense"

KIND_OF_ROOT = MappingProxyType(
    {
        "assets": _Kind.ASSET,
        "liabilities": _Kind.LIABILITY,
        "equity": _Kind.EQUITY,
        "income": _Kind.INCOME,
        "expense": _Kind.EXPENSE,
        "suspense": _Kind.LIABILITY,
    }
)
"""What an account is follows from the first word of its code."""

_WORD = re.compile(r"\w+(?:[ .&/+-]\w+)*")
_LONGEST_CODE = 200


@dataclass(frozen=True, slots=True)
class Line:
    """An account of a template. `{chain}` in its code and name is the asset's chain."""

    code: str
    name: str
    purpose: str
    """In one sentence, for people."""
    floor: int | None = None
    clears_within_days: int | None = None

    @property
    def kind(self) -> Account.Kind:
        return KIND_OF_ROOT[self.code.partition(":")[0]]


@dataclass(frozen=True, slots=True)
class Template:
    """The accounts a kind of business needs in each asset."""

    name: str
    lines: Sequence[Line]


_CUSTODY = Line("assets:custody:{chain}", "Custody, {chain}", "Coins on our addresses of that chain.")
_IN_TRANSIT = Line(
    "assets:in transit",
    "In transit",
    "Coins that left one of our places and have not reached the next.",
    clears_within_days=3,
)
_REFUNDABLE = Line(
    "liabilities:refundable", "Refundable", "What was promised back to payers and is not yet paid out.", floor=0
)
_GUESTS = Line(GUESTS, "Guests", "What was paid for invoices that name no customer.", floor=0)
_CUSTOMERS_PURPOSE = "What the customer has paid in and not yet bought or taken back."
_FEES_EARNED = Line("income:fees", "Fees", "What we charge for our services.")
_EVERYBODYS = (
    Line("expense:network fees", "Network fees", "What miners and validators took for our own transactions."),
    Line("expense:rounding", "Rounding", "What is lost or won when a price does not divide into base units."),
    Line("equity:opening", "Opening balances", "What was there when these books began."),
    Line(SUSPENSE, "Suspense", "What nobody can explain yet; somebody must, within a week.", clears_within_days=7),
)

VALUATION = {
    True: Line(
        "assets:valuation:{asset}",
        "Valuation, {asset}",
        "What the coins cost beyond what the entries of their accounts say they were worth.",
    ),
    False: Line(
        "liabilities:valuation:{asset}",
        "Valuation of what is owed, {asset}",
        "What is owed in coins was worth, when it came to be owed, beyond what the entries of its accounts say.",
    ),
}
"""By whether the coins are ours or owed. In the book's currency, as those below; they open with the first gain."""
REVALUATION = {
    True: Line(
        "assets:revaluation:{asset}",
        "Revaluation, {asset}",
        "What the coins are worth at a month's end beyond their cost; zero again the next day.",
    ),
    False: Line(
        "liabilities:revaluation:{asset}",
        "Revaluation of what is owed, {asset}",
        "What is owed in coins is worth at a month's end beyond what it was; zero again the next day.",
    ),
}
GAINS_REALISED = Line("income:gains realised", "Realised gains", "Coins that left, for more than they cost, or less.")
EXCHANGE_DIFFERENCES = Line(
    "income:exchange differences",
    "Exchange differences",
    "What was owed in coins was settled when they were worth less than when it came to be owed, or more.",
)
GAINS_UNREALISED = Line(
    "income:gains unrealised", "Unrealised gains", "Coins at a month's end worth more than they cost, or less."
)
_IN_MONEY = (*VALUATION.values(), *REVALUATION.values(), GAINS_REALISED, EXCHANGE_DIFFERENCES, GAINS_UNREALISED)

TEMPLATES = MappingProxyType(
    {
        "shop": Template(
            "Shop",
            (
                _CUSTODY,
                _IN_TRANSIT,
                _GUESTS,
                _REFUNDABLE,
                Line(SALES, "Sales", "What settled invoices asked for."),
                _FEES_EARNED,
                *_EVERYBODYS,
            ),
        ),
        "ico": Template(
            "Token sale",
            (
                _CUSTODY,
                _IN_TRANSIT,
                Line(
                    "liabilities:contributions:escrow",
                    "Contributions held",
                    "Contributions that are still the contributors': the sale is open, or they are not yet approved.",
                    floor=0,
                ),
                Line(
                    "liabilities:contributions:allocated",
                    "Contributions allocated",
                    "Contributions accepted, for which tokens are still owed.",
                    floor=0,
                ),
                Line(
                    "liabilities:contributions:refunds due",
                    "Refunds due",
                    "Contributions that go back: over the cap, refused, withdrawn, or the sale failed.",
                    floor=0,
                ),
                Line("income:token sales", "Token sales", "Contributions whose tokens were handed out."),
                *_EVERYBODYS,
            ),
        ),
        "platform": Template(
            "Platform",
            (
                _CUSTODY,
                _IN_TRANSIT,
                Line(
                    "assets:clearing between books",
                    "Clearing between books",
                    "The other half of a transfer to or from a merchant's books; both halves meet at zero.",
                    clears_within_days=1,
                ),
                _FEES_EARNED,
                *_EVERYBODYS,
            ),
        ),
    }
)
"""Charts by the kind of business: its key names it for good."""

_OPEN = """
WITH wanted AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::numeric[], %s::smallint[])
        AS line (code, name, asset_id, kind, floor, clears_within_days)
)
INSERT INTO ledger_account (book_id, code, name, asset_id, kind, floor, clears_within_days)
SELECT %s, code, name, asset_id, kind, floor, clears_within_days FROM wanted ORDER BY code, asset_id
ON CONFLICT (book_id, code, asset_id) DO NOTHING
"""


@remembered
def asset(code: str, chain: str, decimals: int, contract: str = "") -> Asset:
    """The asset's row, made at first use. Raises `ValueError` if it is known with other decimals: they are pinned."""
    row = _known_asset(chain, contract)
    if row is None:
        row, _ = Asset.objects.get_or_create(
            chain=chain, contract=contract, defaults={"code": code, "decimals": decimals}
        )
    if (row.code, row.decimals) != (code, decimals):
        raise ValueError(f"{row.code} on {chain} is pinned to {row.decimals} decimals")
    return row


def _known_asset(chain: str, contract: str) -> Asset | None:
    with connection.cursor() as sql:  # plain: every invoice asks this
        sql.execute(_ASSET, [chain, contract])
        found = sql.fetchone()
    return Asset.from_db("default", _ASSET_FIELDS, found) if found else None


def custody(book_id: int, asset: Asset) -> Account:
    """Coins of this asset on this book's addresses of its chain."""
    return open_account(book_id, f"{CUSTODY}{asset.chain}", f"Custody, {asset.chain}", asset, _Kind.ASSET)


def customer(book_id: int, reference: str, asset: Asset) -> Account:
    """What we owe a customer, never below zero; an empty reference is the guests' common account."""
    line = _customers_line(reference)
    return open_account(book_id, line.code, line.name, asset, line.kind, line.floor)


def foresee_customers(book_id: int, references: Collection[str], asset: Asset) -> list[Account]:
    """Open the accounts of many customers, where they are missing, so that `customer` has them at hand; they.

    In two statements; what it is for is inside `remembering`. Raises `AccountCodeInvalid`.
    """
    lines = [_customers_line(reference) for reference in references]
    for line in lines:
        check_code(line.code)
    return _foreseen(_opened(book_id, [(line, asset, line.code, line.name) for line in lines]))


def foresee_payments(book_id: int, asset: Asset) -> list[Account]:
    """The accounts that payments in this asset move whoever pays, as far as they are open; `find` has them at hand."""
    codes = [f"{CUSTODY}{asset.chain}", GUESTS, SALES, SUSPENSE]
    return _foreseen(Account.objects.filter(book_id=book_id, asset=asset, code__in=codes).select_related("asset"))


def _foreseen(accounts: Iterable[Account]) -> list[Account]:
    found = list(accounts)
    for account in found:
        remember(find, account.book_id, account.code, account.asset, answer=account)
    return found


def _customers_line(reference: str) -> Line:
    if not reference:
        return _GUESTS
    return Line(f"{CUSTOMERS}{reference}", f"Customer {reference}", _CUSTOMERS_PURPOSE, floor=0)


def sales(book_id: int, asset: Asset) -> Account:
    """Income from settled invoices."""
    return open_account(book_id, SALES, "Sales", asset, _Kind.INCOME)


@remembered
def find(book_id: int, code: str, asset: Asset) -> Account:
    """Raises `UnknownAccount`."""
    account = Account.objects.filter(book_id=book_id, code=code, asset=asset).first()
    if account is None:
        raise UnknownAccount(f"this book has no account {code} in {asset.code}")
    return account


def open_template(book_id: int, name: str, assets: Iterable[Asset]) -> list[Account]:
    """The template's accounts in each of these assets, opened where they were missing; by asset and code.

    Raises `KeyError` for a template that does not exist. One statement opens them all, in the order of their codes, so
    that two callers at once do not wait for each other in a circle.
    """
    return _opened(
        book_id,
        [
            (line, one, line.code.format(chain=one.chain), line.name.format(chain=one.chain))
            for one in assets
            for line in TEMPLATES[name].lines
            if one.chain or "{chain}" not in line.code
        ],
    )


def _opened(book_id: int, wanted: Sequence[tuple[Line, Asset, str, str]]) -> list[Account]:
    """These lines' accounts, with the codes and names they have here, opened where they were missing."""
    with connection.cursor() as sql:
        sql.execute(
            _OPEN,
            [
                [code for _, _, code, _ in wanted],
                [name for *_, name in wanted],
                [one.pk for _, one, _, _ in wanted],
                [line.kind.value for line, *_ in wanted],
                [line.floor for line, *_ in wanted],
                [line.clears_within_days for line, *_ in wanted],
                book_id,
            ],
        )
    codes, assets = [code for _, _, code, _ in wanted], {one for _, one, _, _ in wanted}
    found = among(Account.objects.filter(book_id=book_id, asset__in=assets), "code", codes)
    return list(found.select_related("asset").order_by("asset", "code"))


def purpose(account: Account) -> str:
    """What an account of a template is for, in one sentence; empty for one that was opened by hand."""
    if account.code.startswith(CUSTOMERS):
        return _CUSTOMERS_PURPOSE
    lines = (line for template in TEMPLATES.values() for line in template.lines)
    fitting = (line.purpose for line in lines if line.code.format(chain=account.asset.chain) == account.code)
    of_gains = (line.purpose for line in _IN_MONEY if account.code.startswith(line.code.partition("{")[0]))
    return next(fitting, next(of_gains, ""))


def valuation_name(asset: Asset) -> str:
    """An asset in the codes of accounts of gains: "ethereum:usdt", and its number where it is not the chain's first."""
    word = "-".join(re.findall(r"\w+", asset.code.lower())) or f"asset {asset.pk}"
    first = Asset.objects.filter(chain=asset.chain, code__iexact=asset.code).order_by("pk").first()
    name = f"{asset.chain.lower()}:{word}" if asset.chain else word
    return name if first == asset else f"{name} {asset.pk}"


def open_account(
    book_id: int,
    code: str,
    name: str,
    asset: Asset,
    kind: Account.Kind,
    floor: int | None = None,
    clears_within_days: int | None = None,
) -> Account:
    """The account with its balance, made at first use; two callers at once get the same one.

    Raises `AccountCodeInvalid` for a new one.
    """
    try:
        return find(book_id, code, asset)
    except UnknownAccount:
        check_code(code)
    account, _ = Account.objects.get_or_create(
        book_id=book_id,
        code=code,
        asset=asset,
        defaults={"name": name, "kind": kind, "floor": floor, "clears_within_days": clears_within_days},  # type: ignore[misc]
    )
    return account


def add_account(
    book_id: int, code: str, name: str, asset: Asset, floor: int | None = None, clears_within_days: int | None = None
) -> Account:
    """An account of an accountant's own, under a branch of the chart ("expense:rent"); its root says its kind.

    The one that is there is found again, whatever its name. Raises `AccountCodeInvalid`, also for the accounts that
    payments open by themselves.
    """
    kind = KIND_OF_ROOT.get(code.partition(":")[0])
    if kind is None:
        raise AccountCodeInvalid(f"a code begins with one of {', '.join(KIND_OF_ROOT)}")
    if code.startswith((CUSTODY, CUSTOMERS)):
        raise AccountCodeInvalid("accounts of custody and of customers open by themselves")
    return open_account(book_id, code, name, asset, kind, floor, clears_within_days)


def check_code(code: str) -> None:
    """Lower-case words, parted by colons; a customer's reference is any visible text. Raises `AccountCodeInvalid`."""
    if len(code) > _LONGEST_CODE or not code.isprintable():
        raise AccountCodeInvalid(f"a code has at most {_LONGEST_CODE} visible characters")
    if code.startswith(CUSTOMERS) and len(code) > len(CUSTOMERS):
        return
    if code != code.lower() or not all(_WORD.fullmatch(word) for word in code.split(":")):
        raise AccountCodeInvalid('a code is of lower-case words parted by colons, like "expense:network fees"')


def stays_open(code: str) -> bool:
    """Whether payments write to it by themselves."""
    return code.startswith((CUSTODY, CUSTOMERS)) or code in (GUESTS, SALES)


def close_account(account: Account) -> None:
    """It takes no more postings, until it is reopened. What was posted to it before can still be reversed.

    Raises `AccountNotEmpty`, `AccountStaysOpen`.
    """
    if stays_open(account.code):
        raise AccountStaysOpen(f"payments write to {account.code} by themselves")
    with transaction.atomic():
        _wait_for_writers(account.book_id)
        held = Balance.objects.get(book_id=account.book_id, account=account)
        if held.posted or held.pending_in or held.pending_out:
            raise AccountNotEmpty(f"there is still something on {account.code}, or on its way")
        _set_closed(account, timezone.now())


def reopen_account(account: Account) -> None:
    """It takes postings again."""
    _set_closed(account, None)


def _wait_for_writers(book_id: int) -> None:
    """None is writing into the book from here to the commit: `ledger_open_from` takes the same lock, shared."""
    with connection.cursor() as sql:
        sql.execute("SELECT pg_advisory_xact_lock(7263, %s)", [book_id])


def _set_closed(account: Account, closed_at: datetime | None) -> None:
    account.closed_at = closed_at
    account.save(update_fields=["closed_at"])
