"""An account's statement, and the trial balance of all of them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem
from cryptopay.api.fields import AmountSchema
from cryptopay.api.ledger_accounts import assets_named, by_code
from cryptopay.api.ledger_assets import AssetSchema, asset_json
from cryptopay.api.ledger_fields import (
    DayField,
    Kind,
    LineId,
    ReferencesSchema,
    account_id,
    amount_json,
    entry_id,
    known_position,
    line_id,
    own,
    references_json,
)
from cryptopay.api.pagination import PageParameters, page
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from ledger import balances
from ledger.balances import AssetTotal, Line, Statement
from ledger.models import Account

Scope = ApiKey.Scope


class StatementParameters(PageParameters):
    """Of a statement: its period, both days included, and the page of its lines."""

    def get_fields(self) -> dict[str, Any]:
        period = {
            "from": DayField(required=False, help_text="UTC; the first of the month of `to`, where it is not said."),
            "to": DayField(required=False, help_text="UTC; today, where it is not said."),
        }
        return {**period, **super().get_fields()}


class StatementLineSchema(serializers.Serializer[Any]):
    """One debit or one credit."""

    entry_id = serializers.CharField()
    effective_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    description = serializers.CharField(allow_blank=True)
    source = serializers.CharField()  # type: ignore[assignment]
    references = ReferencesSchema()
    debit = AmountSchema(allow_null=True)
    credit = AmountSchema(allow_null=True)
    balance = AmountSchema(help_text="Behind this line, in order of dates.")


class StatementSchema(serializers.Serializer[Any]):
    """opening, plus or minus debits and credits, is closing; the lines say how."""

    account_id = serializers.CharField()
    code = serializers.CharField()
    asset = AssetSchema()
    opening = AmountSchema()
    debits = AmountSchema(help_text="Of the whole period, whatever the page.")
    credits = AmountSchema(help_text="Of the whole period, whatever the page.")
    closing = AmountSchema()
    data = StatementLineSchema(many=True)  # type: ignore[assignment]
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        period = {name: serializers.DateField() for name in ("from", "to")}
        return {**period, **super().get_fields()}


class AccountStatement(Resource):
    """`/ledger/accounts/{id}/statement`"""

    scopes = {"GET": Scope.LEDGER_READ}
    refusals = {"GET": ("period_invalid",)}
    parameters: ClassVar[type[StatementParameters]] = StatementParameters

    @extend_schema(operation_id="get_statement", parameters=[StatementParameters], responses=StatementSchema)
    def get(self, request: Request, account_id: int) -> Response:
        """The account in a period: opening, its validated lines in order of date with running balance, closing."""
        return Response(statement_page(own(Account.objects.select_related("asset"), self.book, account_id), self.query))


def statement_page(account: Account, query: Mapping[str, Any]) -> dict[str, Any]:
    """As `StatementSchema` describes it. `query`: of `StatementParameters`. Raises 400 `period_invalid`."""
    last = query.get("to") or datetime.now(UTC).date()
    first = query.get("from") or last.replace(day=1)
    if last < first:
        raise Problem(400, "period_invalid", "A period ends after it begins.", "?to")
    return _page_of(balances.statement(account, first, last), query.get("cursor"), query["limit"])


def _page_of(statement: Statement, cursor: str | None, limit: int) -> dict[str, Any]:
    last = known_position(statement.postings, cursor, LineId, "account_seq") if cursor is not None else None
    lines = list(statement.lines(after=last, limit=limit + 1))
    shown = page([line.posting for line in lines], limit, lambda posting: line_id(posting.account_seq))
    data = [_line_json(line, statement.account) for line in lines[:limit]]
    return {**_statement_json(statement), **shown.json(data)}


class TrialBalanceParameters(PageParameters):
    """Of the trial balance."""

    as_of = DayField(required=False, help_text="By the end of that day (UTC).")
    asset = serializers.CharField(max_length=120, required=False, help_text="EUR, BTC, BTC@bitcoin.")


class TrialBalanceRowSchema(serializers.Serializer[Any]):
    """All that was debited and credited to one account."""

    account_id = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    kind = Kind()
    asset = AssetSchema()
    debit = AmountSchema()
    credit = AmountSchema()
    balance = AmountSchema(help_text="Debit less credit.")


class AssetTotalSchema(serializers.Serializer[Any]):
    """Of all accounts in one asset, whatever the page."""

    asset = AssetSchema()
    debit = AmountSchema()
    credit = AmountSchema()
    balanced = serializers.BooleanField(help_text="Debits are credits; the database would not have it otherwise.")


class TrialBalanceSchema(serializers.Serializer[Any]):
    """The accounts by code, and the totals of each asset."""

    as_of = serializers.DateField(allow_null=True)
    totals = AssetTotalSchema(many=True, allow_null=True, help_text="On the first page alone: they are summed anew.")
    data = TrialBalanceRowSchema(many=True)  # type: ignore[assignment]
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)


class TrialBalance(Resource):
    """`/ledger/trial-balance`"""

    scopes = {"GET": Scope.LEDGER_READ}
    parameters: ClassVar[type[TrialBalanceParameters]] = TrialBalanceParameters

    @extend_schema(operation_id="get_trial_balance", parameters=[TrialBalanceParameters], responses=TrialBalanceSchema)
    def get(self, request: Request) -> Response:
        """Every account's debits and credits, now or as of any day, and their totals, which are equal in each asset."""
        as_of: date | None = self.query.get("as_of")
        rows = Account.objects.filter(book=self.book)
        if "asset" in self.query:
            rows = rows.filter(asset__in=assets_named(self.api_key, self.query["asset"]))
        shown = by_code(rows, self.api_key, self.query["limit"], self.query.get("cursor"))
        moved = balances.moved(self.book.pk, shown, as_of)
        found = shown.json([_row_json(account, *moved[account.pk]) for account in shown])
        return Response({"as_of": as_of, "totals": self._totals(as_of), **found})

    def _totals(self, as_of: date | None) -> list[dict[str, Any]] | None:
        if "cursor" in self.query:
            return None
        totals = balances.totals(self.book.pk, as_of)
        if "asset" in self.query:
            wanted = assets_named(self.api_key, self.query["asset"])
            totals = [total for total in totals if total.asset.pk in wanted]
        return [_total_json(total) for total in totals]


def _statement_json(statement: Statement) -> dict[str, Any]:
    asset = statement.account.asset
    amounts = {
        "opening": statement.opening,
        "debits": statement.debits,
        "credits": statement.credits,
        "closing": statement.closing,
    }
    return {
        "account_id": account_id(statement.account.pk),
        "code": statement.account.code,
        "asset": asset_json(asset),
        "from": statement.first,
        "to": statement.last,
        **{name: amount_json(base_units, asset) for name, base_units in amounts.items()},
    }


def _line_json(line: Line, account: Account) -> dict[str, Any]:
    posting, entry = line.posting, line.posting.entry
    return {
        "entry_id": entry_id(entry.pk),
        "effective_at": posting.effective_at,
        "recorded_at": entry.recorded_at,
        "description": entry.description,
        "source": entry.source,
        "references": references_json(entry.meta),
        "debit": amount_json(posting.debit, account.asset) if posting.debit else None,
        "credit": amount_json(posting.credit, account.asset) if posting.credit else None,
        "balance": amount_json(line.balance, account.asset),
    }


def _row_json(account: Account, debit: int, credit: int) -> dict[str, Any]:
    return {
        "account_id": account_id(account.pk),
        "code": account.code,
        "name": account.name,
        "kind": Account.Kind(account.kind).name.lower(),
        "asset": asset_json(account.asset),
        "debit": amount_json(debit, account.asset),
        "credit": amount_json(credit, account.asset),
        "balance": amount_json(debit - credit, account.asset),
    }


def _total_json(total: AssetTotal) -> dict[str, Any]:
    return {
        "asset": asset_json(total.asset),
        "debit": amount_json(total.debits, total.asset),
        "credit": amount_json(total.credits, total.asset),
        "balanced": total.debits == total.credits,
    }
