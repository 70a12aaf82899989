"""`/ledger/accounts`: the chart of accounts with its balances, now and as of any date."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.db.models.functions import Collate
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem, from_domain
from cryptopay.api.fields import (
    AmountSchema,
    AmountTextField,
    Parameters,
    StrictSerializer,
    TextField,
    WholeNumberField,
)
from cryptopay.api.idempotency import idempotent
from cryptopay.api.ledger_assets import AssetSchema, asset_json, known, named, wanted
from cryptopay.api.ledger_fields import (
    AccountId,
    DayField,
    DayOrMomentField,
    Kind,
    MomentField,
    account_id,
    amount_json,
    known_position,
    own,
)
from cryptopay.api.pagination import Page, PageParameters, page, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from ledger import balances, chart
from ledger.balances import AccountBalance
from ledger.errors import AccountCodeInvalid
from ledger.models import Account, Asset
from ledger.money import BadAmount, parse

Scope = ApiKey.Scope

_IN_BYTES = Collate("code", "C")
"""Codes in one order everywhere, in which those of a branch stand together; an index has it."""


_LAST_CHARACTER = chr(0x10FFFF)


class NewAccountBody(StrictSerializer):
    """An account to open."""

    code = TextField(max_length=200, help_text="expense:rent; customers' accounts are liabilities:customers:<ref>.")
    asset = TextField(max_length=120, help_text="As /ledger/assets names it: EUR, BTC, BTC@bitcoin.")
    name = TextField(max_length=200, required=False, help_text="For people; the code where there is none.")
    kind = Kind(required=False, help_text="The first word of the code says it; another one is refused.")
    floor = AmountTextField(required=False, help_text='What its balance never falls below: "0". Fixed for good.')
    clears_within_days = WholeNumberField(
        required=False, min_value=1, max_value=366, help_text="A clearing account: it must reach zero within this time."
    )


class BalanceSchema(serializers.Serializer[Any]):
    """In the account's normal direction: debits raise assets and expenses, credits raise the others."""

    posted = AmountSchema(help_text="Validated.")
    pending_in = AmountSchema(allow_null=True, help_text="Seen, not yet received.")
    pending_out = AmountSchema(allow_null=True, help_text="Promised away.")
    available = AmountSchema(allow_null=True, help_text="Posted, less what is promised away.")


class AccountSchema(serializers.Serializer[Any]):
    """An account of the book, and what it holds."""

    id = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    kind = Kind()
    asset = AssetSchema()
    floor = AmountSchema(allow_null=True)
    clears_within_days = serializers.IntegerField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    balance = BalanceSchema()


class AccountParameters(PageParameters):
    """Of the list."""

    code = serializers.CharField(max_length=200, required=False, help_text="Exactly this code, in every asset.")
    prefix = serializers.CharField(max_length=200, required=False, help_text="A branch: liabilities:customers:")
    customer = serializers.CharField(max_length=64, required=False, help_text="Your own name for them.")
    asset = serializers.CharField(max_length=120, required=False, help_text="EUR, BTC, BTC@bitcoin.")
    kind = Kind(required=False)
    as_of = DayField(required=False, help_text="By the end of that day (UTC). What was on its way then is left out.")


class OneAccountParameters(Parameters):
    """Of one account."""

    as_of = DayOrMomentField(required=False, help_text="What had happened by then.")
    known_at = MomentField(required=False, help_text="What was on record then: entries recorded later are left out.")


class LedgerAccounts(Resource):
    """`/ledger/accounts`"""

    scopes = {"GET": Scope.LEDGER_READ, "POST": Scope.LEDGER_WRITE}
    refusals = {
        "POST": (
            "amount_too_precise",
            "amount_out_of_range",
            "account_code_invalid",
            "account_conflict",
            "account_kind_invalid",
            "account_reserved",
            "asset_unknown",
            "asset_ambiguous",
        ),
    }
    parameters: ClassVar[type[AccountParameters]] = AccountParameters

    @extend_schema(operation_id="list_accounts", parameters=[AccountParameters], responses=page_schema(AccountSchema))
    def get(self, request: Request) -> Response:
        """Your accounts with their balances, by code."""
        rows = _filtered(Account.objects.filter(book=self.book), self.api_key, self.query)
        shown = by_code(rows, self.api_key, self.query["limit"], self.query.get("cursor"))
        if as_of := self.query.get("as_of"):
            moved = balances.moved(self.book.pk, shown, as_of)
            data = [account_json(account, _posted(account, *moved[account.pk])) for account in shown]
        else:
            data = [account_json(account, balance_json(account, balance_now(account))) for account in shown]
        return Response(shown.json(data))

    @extend_schema(
        operation_id="open_account",
        request=NewAccountBody,
        responses={201: AccountSchema},
        examples=[
            OpenApiExample("An expense", {"code": "expense:rent", "asset": "EUR", "name": "Rent"}, request_only=True),
            OpenApiExample(
                "Store credit that nobody overdraws",
                {"code": "liabilities:store credit:bob", "asset": "EUR", "floor": "0"},
                request_only=True,
            ),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Open an account: one code in one asset. The one that is there is found again, if it is the same."""
        asked = self.body(NewAccountBody)
        asset = wanted(self.api_key, asked["asset"], "/asset")
        try:
            account = _open(self.api_key, asset, asked)
        except AccountCodeInvalid as error:
            raise from_domain(error, "/code") or error from None
        return Response(account_json(account, balance_json(account, balances.balance(account))), status=201)


class OneLedgerAccount(Resource):
    """`/ledger/accounts/{id}`"""

    scopes = {"GET": Scope.LEDGER_READ}
    parameters: ClassVar[type[OneAccountParameters]] = OneAccountParameters

    @extend_schema(operation_id="get_account", parameters=[OneAccountParameters], responses=AccountSchema)
    def get(self, request: Request, account_id: int) -> Response:
        """One account: its balance now, as of any date, and as it was on record at any moment."""
        account = own(_ACCOUNTS, self.book, account_id)
        balance = balances.balance(account, as_of=self.query.get("as_of"), known_at=self.query.get("known_at"))
        return Response(account_json(account, balance_json(account, balance)))


class ClosedAccount(Resource):
    """`/ledger/accounts/{id}/close`"""

    scopes = {"POST": Scope.LEDGER_WRITE}
    refusals = {"POST": ("account_not_empty", "account_stays_open")}

    @extend_schema(operation_id="close_account", request=None, responses={200: AccountSchema})
    @idempotent
    def post(self, request: Request, account_id: int) -> Response:
        """Close an empty account: it takes no more postings. Accounts that payments write to stay open."""
        account = own(_ACCOUNTS, self.book, account_id)
        self.body(StrictSerializer)
        if account.closed_at is None:
            chart.close_account(account)
        return Response(account_json(account, balance_json(account, balances.balance(account))))


_ACCOUNTS = Account.objects.select_related("asset", "balance")


def by_code(rows: QuerySet[Account], key: ApiKey, limit: int, cursor: str | None) -> Page[Account]:
    """The page behind the cursor, in the order of codes; the assets of one code in the order of their making."""
    rows = rows.select_related("asset", "balance").annotate(in_bytes=_IN_BYTES)
    if cursor is not None:
        last = known_position(Account.objects.filter(book=key.book), cursor, AccountId)
        rows = rows.filter(in_bytes__gte=last.code).filter(Q(in_bytes__gt=last.code) | Q(pk__gt=last.pk))
    return page(list(rows.order_by("in_bytes", "pk")[: limit + 1]), limit, lambda account: account_id(account.pk))


def account_json(account: Account, balance: dict[str, Any]) -> dict[str, Any]:
    """As `AccountSchema` describes it."""
    floor: int | None = account.floor
    return {
        "id": account_id(account.pk),
        "code": account.code,
        "name": account.name,
        "kind": Account.Kind(account.kind).name.lower(),
        "asset": asset_json(account.asset),
        "floor": None if floor is None else amount_json(floor, account.asset),
        "clears_within_days": account.clears_within_days,
        "closed_at": account.closed_at,
        "balance": balance,
    }


def balance_json(account: Account, balance: AccountBalance) -> dict[str, Any]:
    """As `BalanceSchema` describes it."""
    held = {
        "posted": balance.posted,
        "pending_in": balance.pending_in,
        "pending_out": balance.pending_out,
        "available": balance.available,
    }
    return {name: amount_json(base_units, account.asset) for name, base_units in held.items()}


def balance_now(account: Account) -> AccountBalance:
    """Of an account that was read with its balance."""
    held = account.balance
    return AccountBalance(held.posted, held.pending_in, held.pending_out)


def _posted(account: Account, debit: int, credit: int) -> dict[str, Any]:
    """Of a day that is over: what was pending then would have to be summed from all that ever was."""
    raised = debit - credit if account.kind in balances.DEBIT_NORMAL else credit - debit
    return {
        "posted": amount_json(raised, account.asset),
        **dict.fromkeys(("pending_in", "pending_out", "available")),
    }


def _filtered(rows: QuerySet[Account], key: ApiKey, query: Mapping[str, Any]) -> QuerySet[Account]:
    if "code" in query:
        rows = rows.filter(code=query["code"])
    if "customer" in query:
        rows = rows.filter(code=f"{chart.CUSTOMERS}{query['customer']}")
    if "prefix" in query:
        branch = query["prefix"], f"{query['prefix']}{_LAST_CHARACTER}"
        rows = rows.annotate(branch=_IN_BYTES).filter(branch__gte=branch[0], branch__lt=branch[1])
    if "asset" in query:
        rows = rows.filter(asset__in=assets_named(key, query["asset"]))
    if "kind" in query:
        rows = rows.filter(kind=Account.Kind[query["kind"].upper()])
    return rows


def assets_named(key: ApiKey, text: str) -> Sequence[int]:
    """Of those that have a row; without one no account is kept in it."""
    return [asset.pk for asset in named(known(key), text) if asset.pk]


def _open(key: ApiKey, asset: Asset, asked: dict[str, Any]) -> Account:
    """Raises 409 `account_conflict` where one of that code and asset is there and differs."""
    code, floor, days = asked["code"], _floor(asked.get("floor"), asset), asked.get("clears_within_days")
    kind = chart.KIND_OF_ROOT.get(code.partition(":")[0])
    if kind is not None and asked.get("kind", kind.name.lower()) != kind.name.lower():
        raise Problem(422, "account_kind_invalid", f"{code} is of the kind {kind.name.lower()}.", "/kind")
    if code.startswith(chart.CUSTODY):
        raise Problem(422, "account_reserved", "Custody accounts open by themselves; chains write to them.", "/code")
    title = asked.get("name") or code
    account = _ours(key, code, asset) or chart.add_account(key.book_id, code, title, asset, floor, days)
    same_floor = "floor" not in asked or account.floor == floor
    if not same_floor or asked.get("clears_within_days", account.clears_within_days) != account.clears_within_days:
        raise Problem(409, "account_conflict", "This account is open already, with another floor or clearing time.")
    return account


def _ours(key: ApiKey, code: str, asset: Asset) -> Account | None:
    """Accounts that payments open by themselves have one form, whoever comes first."""
    if code.startswith(chart.CUSTOMERS) and len(code) > len(chart.CUSTOMERS):
        return chart.customer(key.book_id, code.removeprefix(chart.CUSTOMERS), asset)
    if code == chart.GUESTS:
        return chart.customer(key.book_id, "", asset)
    return chart.sales(key.book_id, asset) if code == chart.SALES else None


def _floor(text: str | None, asset: Asset) -> int | None:
    try:
        return None if text is None else parse(text, asset).base_units
    except BadAmount as error:
        raise Problem(400, error.code, str(error), "/floor") from None
