"""Watches: the monitor as a service of its own. Any address, any transaction; told by `chain.*`, never booked."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem, from_domain
from cryptopay.api.fields import MetadataField, StrictSerializer, TextField, WholeNumberField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.networks import chain_asked
from cryptopay.api.pagination import PageParameters, newest_first, page_schema
from cryptopay.api.refusals import NAMING_A_CHAIN
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from cryptopay.payments import representation
from cryptopay.payments.lifecycle import MOST_CONFIRMATIONS
from keys.errors import InvalidAddress
from keys.formats import format_of
from keys.models import Address
from ledger.models import Book
from monitor import watches
from monitor.chains import Chain
from monitor.models import Cursor, Watch, WatchedTransaction

Scope = ApiKey.Scope

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HASH_WITH_0X = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_TXID = {"evm": _HASH_WITH_0X}
"""By family; elsewhere a transaction is named by 64 hexadecimal digits."""
_SEEN_BY_OWNERS_ALONE = frozenset({"monero"})
"""Families whose chains show nobody's payments but to whoever has the view key."""
_STATE = WatchedTransaction.State
PUBLIC_STATE = {state: "reversed" if state == _STATE.ORPHANED else state.value for state in _STATE}


class WatchBody(StrictSerializer):
    """What to watch: an address or a transaction."""

    chain = TextField(max_length=32, help_text="As `/chains` names it: bitcoin.")
    address = TextField(
        max_length=200, required=False, help_text="Of any form the chain has, anybody's. An account, or account/memo."
    )
    txid = TextField(max_length=66, required=False)
    confirmations = WholeNumberField(
        required=False,
        min_value=0,
        max_value=MOST_CONFIRMATIONS,
        help_text="More than the chain's own policy asks before `chain.confirmed`; fewer change nothing.",
    )
    since_height = WholeNumberField(
        required=False, min_value=0, help_text="Read the blocks from this height on again for it."
    )
    metadata = MetadataField(required=False, help_text="Told with each of its events.")


class WatchedTransactionSchema(serializers.Serializer[Any]):
    """How a watched transaction stands."""

    txid = serializers.CharField()
    state = serializers.ChoiceField(sorted(PUBLIC_STATE.values()))
    height = serializers.IntegerField(allow_null=True)
    confirmations = serializers.IntegerField()
    required_confirmations = serializers.IntegerField(
        allow_null=True, help_text="Null: the chain itself says when a block is final."
    )


class WatchSchema(serializers.Serializer[Any]):
    """A watch."""

    id = serializers.CharField()
    chain = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    memo = serializers.CharField(allow_null=True)
    transaction = WatchedTransactionSchema(allow_null=True)
    confirmations = serializers.IntegerField()
    since_height = serializers.IntegerField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class WatchParameters(PageParameters):
    """Of the list."""

    chain = serializers.CharField(max_length=32, required=False)
    address = serializers.CharField(max_length=200, required=False, help_text="Whole, with its memo: account/memo.")
    txid = serializers.CharField(max_length=66, required=False)
    open = serializers.BooleanField(required=False)


class Watches(Resource):
    """`/watches`"""

    scopes = {"GET": Scope.WATCHES_READ, "POST": Scope.WATCHES_WRITE}
    refusals = {
        "POST": (
            "watch_target_invalid",
            "txid_invalid",
            "address_invalid",
            "address_not_yours",
            "watch_conflict",
            "too_many_watches",
            "reading_again",
            "range_invalid",
            "since_height_too_low",
            "chain_halted",
            *NAMING_A_CHAIN,
        ),
    }
    parameters: ClassVar[type[WatchParameters]] = WatchParameters

    @extend_schema(operation_id="list_watches", parameters=[WatchParameters], responses=page_schema(WatchSchema))
    def get(self, request: Request) -> Response:
        """Your watches, newest first, ended ones among them."""
        own = Watch.objects.filter(book=self.book)
        names = {"chain": "chain_code", "address": "address__address", "txid": "transaction__txid"}
        rows = own.filter(**{names[name]: self.query[name] for name in names if name in self.query})
        if "open" in self.query:
            rows = rows.filter(ended_at__isnull=self.query["open"])
        page = newest_first(
            rows.select_related("address", "transaction"), own, self.query["limit"], self.query.get("cursor")
        )
        return Response(page.json(watches_json(page)))

    @extend_schema(operation_id="create_watch", request=WatchBody, responses={200: WatchSchema, 201: WatchSchema})
    @idempotent
    def post(self, request: Request) -> Response:
        """Hear of an address or a transaction by `chain.*` events (201); the same again is the same watch (200)."""
        asked = self.body(WatchBody)
        chain = chain_asked(self.api_key, asked["chain"])
        if ("address" in asked) == ("txid" in asked):
            raise Problem(400, "watch_target_invalid", "Name either an address or a txid.", "/address")
        named = {"at_least": asked.get("confirmations", 0), "metadata": asked.get("metadata")}
        named["since_height"] = asked.get("since_height")
        if "txid" in asked:
            watch, made = watches.watch_transaction(self.book.pk, chain, _txid(asked["txid"], chain), **named)
        else:
            text, destination = _address(asked["address"], chain, self.book)
            watch, made = watches.watch_address(self.book.pk, chain, text, destination, **named)
        return Response(watches_json([watch])[0], status=201 if made else 200)


class OneWatch(Resource):
    """`/watches/{id}`"""

    scopes = {"GET": Scope.WATCHES_READ, "DELETE": Scope.WATCHES_WRITE}

    @extend_schema(operation_id="get_watch", responses=WatchSchema)
    def get(self, request: Request, watch_id: str) -> Response:
        """One watch; of a transaction, how deep it is buried."""
        return Response(watches_json([self._found(watch_id)])[0])

    @extend_schema(operation_id="end_watch", responses={200: WatchSchema})
    def delete(self, request: Request, watch_id: str) -> Response:
        """Nothing more is told of it. It stays on record, and so do its events."""
        watch = self._found(watch_id)
        watches.end(watch)
        return Response(watches_json([watch])[0])

    def _found(self, watch_id: str) -> Watch:
        return self.find(Watch.objects.select_related("address", "transaction"), watch_id)


def watches_json(rows: Sequence[Watch]) -> list[dict[str, Any]]:
    """As `WatchSchema` describes them; one question for how far the chains were read."""
    codes = {row.chain_code for row in rows if row.transaction_id}
    heights = dict(Cursor.objects.filter(chain_code__in=codes).values_list("chain_code", "height")) if codes else {}
    return [_watch_json(row, heights) for row in rows]


def _watch_json(row: Watch, heights: Mapping[str, int | None]) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "chain": row.chain_code,
        **representation.place(row.address.address if row.address else ""),
        "transaction": _transaction_json(row.transaction, heights) if row.transaction else None,
        "confirmations": row.confirmations,
        "since_height": row.since_height,
        "metadata": row.metadata,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    }


def _transaction_json(row: WatchedTransaction, heights: Mapping[str, int | None]) -> dict[str, Any]:
    read_to = heights.get(row.chain_code)
    buried = row.block_height is not None and read_to is not None
    return {
        "txid": row.txid,
        "state": PUBLIC_STATE[_STATE(row.state)],
        "height": row.block_height,
        "confirmations": max(0, read_to - row.block_height + 1) if buried else 0,  # type: ignore[operator]
        "required_confirmations": row.required_confirmations,
    }


def _txid(text: str, chain: Chain) -> str:
    form = _TXID.get(chain.family, _HASH)
    if form.fullmatch(text.lower()) is None:
        raise Problem(400, "txid_invalid", f"This is not the id of a transaction on {chain.title}.", "/txid")
    return text.lower()


def _address(text: str, chain: Chain, book: Book) -> tuple[str, bytes]:
    """Its usual writing, and what the chain carries."""
    form = format_of(chain)
    try:
        destination = form.parse(text, chain)
        written = form.text(destination, chain)
    except InvalidAddress as error:
        raise from_domain(error, "/address") or error from None
    if chain.family in _SEEN_BY_OWNERS_ALONE and not Address.objects.filter(
        book=book, chain=chain.code, destination=destination
    ):
        detail = f"{chain.title} shows payments to nobody but the receiver: only your own addresses can be watched."
        raise Problem(422, "address_not_yours", detail, "/address")
    return written, destination
