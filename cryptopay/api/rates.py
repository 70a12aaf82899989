"""Rates: what prices what now and why not, what priced it before, and the book's own.

A book's own rates go before the platform's; `ledger.rates` says in which order. Who set a rate of the platform, and
why, is the platform's own business.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem, from_domain
from cryptopay.api.fields import AmountTextField, Parameters, StrictSerializer, TextField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.ledger_assets import known
from cryptopay.api.ledger_fields import MomentField, RowId, known_position
from cryptopay.api.pagination import Page, PageParameters, page, page_schema
from cryptopay.api.resource import NotFound, Resource
from cryptopay.feeds import medians, needed
from cryptopay.feeds.agreeing import Agreement
from cryptopay.feeds.medians import part_json
from cryptopay.merchants.models import ApiKey
from ledger import rates
from ledger.currencies import FIAT_DECIMALS
from ledger.errors import RateError, RateInvalid, RateMissing, RateStale, RateSuspect
from ledger.models import Rate
from ledger.money import BadAmount, parse, plain, to_decimal
from ledger.pairs import Pair

Scope = ApiKey.Scope

SOURCE = "api"
ORIGINS = Rate.Origin.values
REFUSALS = [error.code for error in (RateMissing, RateStale, RateSuspect)]
_LONGEST_CODE = 16


class RateId(RowId):
    """Of a recorded rate."""

    prefix = "rate_"
    regex = "rate_[1-9][0-9]{0,17}"


class NewRateBody(StrictSerializer):
    """A price of your own."""

    asset = TextField(max_length=_LONGEST_CODE, help_text="The code of a coin, a token or an asset of your own: BTC.")
    currency = TextField(max_length=3, help_text="EUR")
    price = AmountTextField(help_text="Of one whole asset, in the currency; at most 18 decimals.")
    observed_at = MomentField(required=False, help_text="Now, where it is not said.")
    valid_until = MomentField(
        required=False,
        help_text="Until then it goes before recorded rates, for a year at most. Without it the rate is recorded: it "
        "prices as long as any other.",
    )
    reason = TextField(max_length=300, required=False, allow_blank=True)


class PriceSourceSchema(serializers.Serializer[Any]):
    """What one source says."""

    source = serializers.CharField()  # type: ignore[assignment]
    price = serializers.CharField(allow_null=True)
    observed_at = serializers.DateTimeField()
    used = serializers.BooleanField()
    why = serializers.CharField(allow_blank=True, help_text="Why it is not used.")


class RecordedRateSchema(serializers.Serializer[Any]):
    """A rate as it was recorded, for good."""

    id = serializers.CharField()
    asset = serializers.CharField()
    currency = serializers.CharField()
    price = serializers.CharField(help_text="Of one whole asset, in the currency.")
    origin = serializers.ChoiceField(ORIGINS)
    source = serializers.CharField()  # type: ignore[assignment]
    own = serializers.BooleanField(help_text="Yours; else the platform's.")
    observed_at = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
    suspect = serializers.CharField(allow_null=True, help_text="Why it prices nothing; null: it may.")
    written_by = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    recorded_at = serializers.DateTimeField()
    sources = PriceSourceSchema(many=True, help_text="What a median was made of, and what was left out.")


class RateRefusalSchema(serializers.Serializer[Any]):
    """Why nothing can be priced."""

    code = serializers.ChoiceField(REFUSALS)
    detail = serializers.CharField()


class CurrentRateSchema(serializers.Serializer[Any]):
    """What prices an asset in a currency now."""

    asset = serializers.CharField()
    currency = serializers.CharField()
    usable = serializers.BooleanField(help_text="Whether an invoice can be priced by it.")
    refused = RateRefusalSchema(allow_null=True)
    age_seconds = serializers.IntegerField(allow_null=True, help_text="Since the rate was observed.")
    rate = RecordedRateSchema(allow_null=True, help_text="What prices, or would if it were not refused.")
    sources = PriceSourceSchema(many=True, help_text="What the public sources say at this moment.")


class CurrentRateParameters(PageParameters):
    """Of the list of what prices now."""

    asset = serializers.CharField(
        max_length=_LONGEST_CODE, required=False, help_text="Without it: the coins and tokens of this installation."
    )
    currency = serializers.CharField(max_length=3, required=False, help_text="Without it: the currencies in use.")


class HistoryParameters(PageParameters):
    """Of what was recorded for a pair."""

    asset = serializers.CharField(max_length=_LONGEST_CODE)
    currency = serializers.CharField(max_length=3)


class Rates(Resource):
    """`/rates`"""

    scopes = {"GET": Scope.RATES_READ, "POST": Scope.RATES_WRITE}
    refusals = {
        "POST": (
            *("asset_unknown", "currency_unknown", "rate_invalid"),
            *("amount_malformed", "amount_too_precise", "amount_out_of_range"),
        )
    }
    parameters: ClassVar[type[CurrentRateParameters]] = CurrentRateParameters

    @extend_schema(
        operation_id="list_rates", parameters=[CurrentRateParameters], responses=page_schema(CurrentRateSchema)
    )
    def get(self, request: Request) -> Response:
        """What prices what now, by asset and currency: with its sources and age, and why not where it may not."""
        shown = _pairs(self.query)
        now = timezone.now()
        firsts = rates.in_line(self.api_key.book_id, shown, now)
        agreed = {one.pair: one for one in medians.agreements(shown, now)}
        return Response(shown.json([_current_json(pair, firsts.get(pair), agreed[pair], now) for pair in shown]))

    @extend_schema(operation_id="record_rate", request=NewRateBody, responses={201: RecordedRateSchema})
    @idempotent
    def post(self, request: Request) -> Response:
        """Record a price of your own: it goes before the platform's, in your book alone.

        One five times the one before it within a day, or a fifth of it, is kept as `suspect` and prices nothing until
        a second one agrees.
        """
        asked = self.body(NewRateBody)
        _check_pair(self.api_key, asked)
        price = price_of(asked["price"])
        try:
            rate = rates.record(
                asked["asset"],
                asked["currency"],
                price,
                SOURCE,
                asked.get("observed_at") or timezone.now(),
                self.api_key.book_id,
                valid_until=asked.get("valid_until"),
                by=f"API key {self.api_key}"[:150],
                reason=asked.get("reason", ""),
            )
        except RateInvalid as error:
            raise from_domain(error, "/price") or error from None
        return Response(rate_json(rate), status=201)


class RateHistory(Resource):
    """`/rates/history`"""

    scopes = {"GET": Scope.RATES_READ}
    parameters: ClassVar[type[HistoryParameters]] = HistoryParameters

    @extend_schema(
        operation_id="list_rate_history", parameters=[HistoryParameters], responses=page_schema(RecordedRateSchema)
    )
    def get(self, request: Request) -> Response:
        """Every rate of a pair, yours and the platform's, newest observed first."""
        pair, limit = Pair(self.query["asset"], self.query["currency"]), self.query["limit"]
        before = None
        if (cursor := self.query.get("cursor")) is not None:
            rows = _visible(self.api_key).filter(asset_code=pair.asset_code, currency=pair.currency)
            last = known_position(rows, cursor, RateId)
            before = last.observed_at, last.pk
        found = rates.history(self.api_key.book_id, pair, before, limit + 1)
        shown = page(found, limit, lambda rate: f"{RateId.prefix}{rate.pk}")
        return Response(shown.json([rate_json(rate) for rate in shown]))


class OneRate(Resource):
    """`/rates/{id}`"""

    scopes = {"GET": Scope.RATES_READ}
    parameters: ClassVar[type[Parameters]] = Parameters

    @extend_schema(operation_id="get_rate", responses=RecordedRateSchema)
    def get(self, request: Request, rate_id: int) -> Response:
        """One rate, as it was recorded: what an invoice was priced by can be explained years later."""
        rate = _visible(self.api_key).filter(pk=rate_id).first()
        if rate is None:
            raise NotFound
        return Response(rate_json(rate))


def rate_json(rate: Rate) -> dict[str, Any]:
    """As `RecordedRateSchema` describes it."""
    own = rate.book_id is not None
    return {
        "id": f"{RateId.prefix}{rate.pk}",
        "asset": rate.asset_code,
        "currency": rate.currency,
        "price": plain(rate.price),
        "origin": rate.origin,
        "source": rate.source,
        "own": own,
        "observed_at": rate.observed_at,
        "valid_until": rate.valid_until,
        "suspect": rate.suspect or None,
        "written_by": (rate.by or None) if own else None,
        "reason": (rate.reason or None) if own else None,
        "recorded_at": rate.recorded_at,
        "sources": rate.parts or [],
    }


def _visible(key: ApiKey) -> QuerySet[Rate]:
    return Rate.objects.filter(Q(book_id=key.book_id) | Q(book__isnull=True))


def _pairs(query: Mapping[str, Any]) -> Page[Any]:
    """A page of pairs, by name; the cursor is the last one's."""
    assets = [query["asset"]] if "asset" in query else needed.assets()
    currencies = [query["currency"]] if "currency" in query else needed.currencies()
    pairs: Iterable[Pair] = sorted(Pair(asset, currency) for asset in assets for currency in currencies)
    if (cursor := query.get("cursor")) is not None:
        asset, parted, currency = cursor.rpartition("/")
        if not parted:
            raise Problem(400, "cursor_invalid", "There is no such position.", "?cursor")
        pairs = [pair for pair in pairs if pair > (asset, currency)]
    limit = query["limit"]
    found = list(pairs)[: limit + 1]
    return Page(found[:limit], str(found[limit - 1]) if len(found) > limit else None)


def _current_json(pair: Pair, rate: Rate | None, agreed: Agreement, now: datetime) -> dict[str, Any]:
    refusal: RateError | None
    if rate is None:
        refusal = RateMissing(f"no rate of {pair.asset_code} in {pair.currency} is known")
    else:
        refusal = rates.refused(rate, now)
    return {
        "asset": pair.asset_code,
        "currency": pair.currency,
        "usable": refusal is None,
        "refused": None if refusal is None else {"code": refusal.code, "detail": _because(refusal, agreed)},
        "age_seconds": None if rate is None else max(0, int((now - rate.observed_at).total_seconds())),
        "rate": None if rate is None else rate_json(rate),
        "sources": [part_json(part) for part in agreed.parts],
    }


def _because(refusal: RateError, agreed: Agreement) -> str:
    """What is refused, and what the sources lack for a new one."""
    text = str(refusal)
    lacking = f"; {agreed.why}" if agreed.parts and agreed.why else ""
    return f"{text[:1].upper()}{text[1:]}{lacking}."


class _Price:
    """As finely as a rate is kept."""

    code = "price"
    decimals = 18


def price_of(text: str) -> Decimal:
    """As finely as prices are kept. Raises 400 at `/price`."""
    try:
        return to_decimal(parse(text, _Price()).base_units, _Price.decimals)
    except BadAmount as error:
        raise Problem(400, error.code, str(error), "/price") from None


def _check_pair(key: ApiKey, asked: Mapping[str, Any]) -> None:
    if asked["currency"] not in FIAT_DECIMALS:
        raise Problem(422, "currency_unknown", f"{asked['currency']} is no currency we know.", "/currency")
    if all(asset.code != asked["asset"] for asset in known(key)):
        detail = "There is no such asset for this API key; see /ledger/assets."
        raise Problem(422, "asset_unknown", detail, "/asset")
