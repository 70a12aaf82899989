"""`/ledger/unpriced`, `/ledger/prices`, `/cost-methods`: what coins were worth, and how cost is counted."""

from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem, from_domain
from cryptopay.api.fields import AmountTextField, StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.ledger_entries import ENTRY_PAGE, entries_json
from cryptopay.api.ledger_fields import DayField, EntryId, known_position, number, own
from cryptopay.api.ledger_fields import entry_id as id_of
from cryptopay.api.pagination import PageParameters, page
from cryptopay.api.rates import price_of
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from ledger import lots, periods, pricing
from ledger.errors import LedgerError, RateInvalid, UnknownAccount
from ledger.models import Asset, CostMethod, EntryPrice, JournalEntry, Proposal
from ledger.money import plain

Scope = ApiKey.Scope

METHODS_SHOWN = 500
_LONGEST_REASON = 300
_KEPT, _PROPOSED = "kept", "proposed"


class EntryPriceBody(StrictSerializer):
    """What one whole coin was worth in an entry, and how you know."""

    entry = TextField(max_length=32, help_text="Its id.")
    asset = TextField(max_length=120, required=False, help_text="Its code; where the entry moved several coins.")
    price = AmountTextField(help_text="Of one whole coin, in the book's currency; at most 18 decimals.")
    reason = TextField(max_length=_LONGEST_REASON, help_text="Kept for good, for your auditor.")


class EntryPriceSchema(serializers.Serializer[Any]):
    """A price by hand."""

    status = serializers.ChoiceField(
        [_KEPT, _PROPOSED],
        help_text="`proposed`: worth more than the book's limit, so it waits for a second person in the back office.",
    )
    entry = serializers.CharField()
    asset = serializers.CharField()
    price = serializers.CharField()
    currency = serializers.CharField()
    reason = serializers.CharField()
    asked_by = serializers.CharField()


class NewCostMethodBody(StrictSerializer):
    """Which, from which day on, and why."""

    method = serializers.ChoiceField(CostMethod.Method.choices)
    from_day = DayField(help_text="UTC; of an open period.")
    reason = TextField(max_length=_LONGEST_REASON, help_text="Kept for good, for your auditor.")


class CostMethodSchema(serializers.Serializer[Any]):
    """How the cost of what leaves is counted from a day on."""

    method = serializers.ChoiceField(CostMethod.Method.choices)
    from_day = serializers.DateField()
    reason = serializers.CharField()
    written_by = serializers.CharField()
    recorded_at = serializers.DateTimeField()


class CostMethodsSchema(serializers.Serializer[Any]):
    """Newest first, at most 500: of those whose day has come, the first counts."""

    current = serializers.ChoiceField(CostMethod.Method.choices, help_text="Today; `fifo` where nobody chose.")
    data = CostMethodSchema(many=True)  # type: ignore[assignment]


class UnpricedEntries(Resource):
    """`/ledger/unpriced`"""

    scopes = {"GET": Scope.LEDGER_READ}
    parameters: ClassVar[type[PageParameters]] = PageParameters

    @extend_schema(operation_id="list_unpriced_entries", parameters=[PageParameters], responses=ENTRY_PAGE)
    def get(self, request: Request) -> Response:
        """Entries that moved coins of which nobody knows what they were worth; oldest first, by when they happened.

        From the first of them on, cost and gains of the coin are not counted.
        """
        rows = periods.unpriced(JournalEntry.objects.filter(book=self.book)).select_related("rate")
        if (cursor := self.query.get("cursor")) is not None:
            last = known_position(JournalEntry.objects.filter(book=self.book), cursor, EntryId)
            later = Q(effective_at__gt=last.effective_at) | Q(pk__gt=last.pk)
            rows = rows.filter(later, effective_at__gte=last.effective_at)
        limit = self.query["limit"]
        shown = page(list(rows.order_by("effective_at", "pk")[: limit + 1]), limit, lambda entry: id_of(entry.pk))
        return Response(shown.json(entries_json(shown)))


class EntryPrices(Resource):
    """`/ledger/prices`"""

    scopes = {"POST": Scope.LEDGER_WRITE}
    refusals = {
        "POST": (
            *("amount_malformed", "amount_too_precise", "amount_out_of_range", "rate_invalid"),
            *("not_found", "asset_unknown", "asset_ambiguous", "entry_priced", "period_closed"),
        )
    }

    @extend_schema(
        operation_id="price_entry",
        request=EntryPriceBody,
        responses={201: EntryPriceSchema, 202: EntryPriceSchema},
        examples=[
            OpenApiExample(
                "By the exchange's statement",
                {"entry": "je_1042", "price": "61250.50", "reason": "Kraken's daily statement, no. 114"},
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Say what a coin was worth in an entry without a rate, or in one written by hand.

        Above the book's limit it is only proposed (202), and a second person decides in the back office: not whoever
        made this API key.
        """
        asked = self.body(EntryPriceBody)
        entry = own(JournalEntry.objects.select_related("book"), self.book, number(asked["entry"], EntryId) or 0)
        asset, price = _asset(entry, asked.get("asset")), price_of(asked["price"])
        try:
            outcome = pricing.price(entry, asset, price, **self._signed(asked["reason"]))
        except RateInvalid as error:
            raise from_domain(error, "/price") or error from None
        except UnknownAccount as error:
            raise Problem(422, "asset_unknown", f"{error}.", "/asset") from None
        return Response(_price_json(entry, asset, price, outcome), status=202 if isinstance(outcome, Proposal) else 201)

    def _signed(self, reason: str) -> dict[str, str]:
        """In the name of whoever made the key, so that they cannot approve it themselves."""
        maker = self.api_key.made_by
        if maker is None:
            return {"reason": reason, "by": f"API key {self.api_key}"[:150]}
        return {"reason": f"{reason} (API key {self.api_key})"[:_LONGEST_REASON], "by": maker.get_username()}


class CostMethods(Resource):
    """`/cost-methods`"""

    scopes = {"GET": Scope.LEDGER_READ, "POST": Scope.LEDGER_WRITE}
    refusals = {"POST": ("period_closed",)}

    @extend_schema(operation_id="list_cost_methods", responses=CostMethodsSchema)
    def get(self, request: Request) -> Response:
        """How the cost of coins that leave is counted, and every choice before."""
        rows = list(CostMethod.objects.filter(book=self.book).order_by("-pk")[:METHODS_SHOWN])
        current = lots.method_of(rows, timezone.now().date())
        return Response({"current": current.value, "data": [_method_json(row) for row in rows]})

    @extend_schema(
        operation_id="choose_cost_method",
        request=NewCostMethodBody,
        responses={201: CostMethodSchema},
        examples=[
            OpenApiExample(
                "The average, from the new year on",
                {"method": "average", "from_day": "2026-01-01", "reason": "Agreed with the tax office"},
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Choose how cost is counted from a day of an open period on. What left since is counted anew, and gains that
        were posted are corrected by further entries."""
        asked = self.body(NewCostMethodBody)
        try:
            row = pricing.choose_method(
                self.book,
                CostMethod.Method(asked["method"]),
                asked["from_day"],
                reason=asked["reason"],
                by=f"API key {self.api_key}"[:150],
            )
        except LedgerError as error:
            raise from_domain(error, "/from_day") or error from None
        row.refresh_from_db()
        return Response(_method_json(row), status=201)


def _asset(entry: JournalEntry, code: str | None) -> Asset:
    """The coin that is meant: the only one, or the one of that code."""
    found = [asset for asset in pricing.assets_of(entry) if code in (None, asset.code)]
    if len(found) > 1:
        codes = ", ".join(asset.code for asset in found)
        raise Problem(422, "asset_ambiguous", f"Which coin is meant: {codes}?", "/asset")
    if not found:
        raise Problem(422, "asset_unknown", f"This entry moved no {code or 'coins'}.", "/asset")
    return found[0]


def _price_json(entry: JournalEntry, asset: Asset, price: Decimal, outcome: EntryPrice | Proposal) -> dict[str, Any]:
    is_asked = isinstance(outcome, Proposal)
    return {
        "status": _PROPOSED if is_asked else _KEPT,
        "entry": id_of(entry.pk),
        "asset": asset.code,
        "price": plain(price),
        "currency": entry.book.currency,
        "reason": outcome.reason,
        "asked_by": outcome.asked_by if isinstance(outcome, Proposal) else outcome.by,
    }


def _method_json(row: CostMethod) -> dict[str, Any]:
    return {
        "method": row.method,
        "from_day": row.from_day,
        "reason": row.reason,
        "written_by": row.by,
        "recorded_at": row.recorded_at,
    }
