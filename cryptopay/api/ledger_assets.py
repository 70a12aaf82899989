"""`/ledger/assets`: what accounts are kept in. Coins and tokens of chains, currencies, and assets of the book's own.

An asset's name is its code where that is enough (`EUR`, `POINTS`), and names its chain where the code is not unique:
`BTC@bitcoin`, `USDT@ethereum:0xdac1...`. The table holds all of them. What no chain issues has an empty `chain`, and
its `contract` tells it apart: a currency's code (`EUR`), or book and code (`7:POINTS`): two books may have POINTS.
"""

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cryptopay.api.errors import Problem
from cryptopay.api.fields import StrictSerializer, TextField, WholeNumberField
from cryptopay.api.idempotency import idempotent
from cryptopay.api.pagination import Page, PageParameters, page_schema
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from ledger import chart
from ledger.currencies import FIAT_DECIMALS
from ledger.models import Asset
from monitor import tokens
from monitor.chains import CHAINS, Chain

Scope = ApiKey.Scope

NO_CHAIN = ""
ASSET_KINDS = ["chain", "currency", "own"]
MOST_OWN_ASSETS = 100
MOST_DECIMALS = 30
_OWN_CODE = re.compile(r"[A-Z][A-Z0-9]{0,15}", re.ASCII)


class NewAssetBody(StrictSerializer):
    """An asset of the book's own."""

    code = TextField(max_length=16, help_text="Capital letters and digits: POINTS.")
    decimals = WholeNumberField(min_value=0, max_value=MOST_DECIMALS, help_text="Fixed for good.")


class AssetSchema(serializers.Serializer[Any]):
    """What accounts are kept in."""

    name = serializers.CharField(help_text="How requests name it: EUR, BTC@bitcoin.")
    code = serializers.CharField()
    kind = serializers.ChoiceField(ASSET_KINDS)
    chain = serializers.CharField(allow_null=True)
    contract = serializers.CharField(allow_null=True)
    decimals = serializers.IntegerField()


class LedgerAssets(Resource):
    """`/ledger/assets`"""

    scopes = {"GET": Scope.LEDGER_READ, "POST": Scope.LEDGER_WRITE}
    refusals = {"POST": ("asset_code_invalid", "asset_code_taken", "asset_conflict", "too_many_assets")}
    parameters: ClassVar[type[PageParameters]] = PageParameters

    @extend_schema(operation_id="list_assets", parameters=[PageParameters], responses=page_schema(AssetSchema))
    def get(self, request: Request) -> Response:
        """What you can keep accounts in, by name: your chains' coins, tokens, currencies, and assets of your own."""
        found = sorted(known(self.api_key), key=name)
        cursor, limit = self.query.get("cursor"), self.query["limit"]
        below = [asset for asset in found if cursor is None or name(asset) > cursor]
        page = Page(below[:limit], name(below[limit - 1]) if len(below) > limit else None)
        return Response(page.json([asset_json(asset) for asset in page]))

    @extend_schema(
        operation_id="create_asset",
        request=NewAssetBody,
        responses={201: AssetSchema},
        examples=[OpenApiExample("Loyalty points", {"code": "POINTS", "decimals": 0}, request_only=True)],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Make an asset of your own: points, vouchers, a currency we do not list. No other book sees it."""
        asked = self.body(NewAssetBody)
        return Response(asset_json(_make(self.api_key, asked["code"], asked["decimals"])), status=201)


def name(asset: Asset) -> str:
    """How requests and answers name it, unambiguous within a book."""
    if asset.chain == NO_CHAIN:
        return asset.code
    return f"{asset.code}@{asset.chain}{f':{asset.contract}' if asset.contract else ''}"


def asset_json(asset: Asset) -> dict[str, Any]:
    """As `AssetSchema` describes it."""
    chain = asset.chain
    return {
        "name": name(asset),
        "code": asset.code,
        "kind": "chain" if chain else "currency" if asset.contract == asset.code else "own",
        "chain": chain or None,
        "contract": asset.contract or None if chain else None,
        "decimals": asset.decimals,
    }


def known(key: ApiKey) -> list[Asset]:
    """All the key's book may keep accounts in; what was not used yet stands in no table."""
    rows = list(_visible(key))
    held = {(row.chain, row.contract) for row in rows}
    chains = _chains(key.live)
    coins = [Asset(code=chain.native.code, chain=chain.code, decimals=chain.native.decimals) for chain in chains]
    let_in = [
        Asset(code=token.code, chain=token.chain_code, contract=token.contract, decimals=token.decimals)
        for token in tokens.enabled([chain.code for chain in chains if chain.has_tokens])
    ]
    money = [
        Asset(code=code, chain=NO_CHAIN, contract=code, decimals=decimals) for code, decimals in FIAT_DECIMALS.items()
    ]
    return rows + [asset for asset in (*coins, *let_in, *money) if (asset.chain, asset.contract) not in held]


def named(assets: Iterable[Asset], text: str) -> list[Asset]:
    """Those the text may mean: by their name, or by their code."""
    found = list(assets)
    return [asset for asset in found if name(asset) == text] or [asset for asset in found if asset.code == text]


def wanted(key: ApiKey, text: str, pointer: str) -> Asset:
    """The one asset of that name, its row made at first use. Raises 422 `asset_unknown`, `asset_ambiguous`."""
    found = named(known(key), text)
    if not found:
        raise Problem(422, "asset_unknown", "There is no such asset for this API key; see /ledger/assets.", pointer)
    if len(found) > 1:
        names = ", ".join(sorted(map(name, found)))
        raise Problem(422, "asset_ambiguous", f"Several assets have this code. Name one: {names}.", pointer)
    (asset,) = found
    return asset if asset.pk else chart.asset(asset.code, asset.chain, asset.decimals, asset.contract)


def _make(key: ApiKey, code: str, decimals: int) -> Asset:
    if not _OWN_CODE.fullmatch(code):
        raise Problem(400, "asset_code_invalid", "A code has capital letters and digits only.", "/code")
    assets = known(key)
    contract = f"{key.book_id}:{code}"
    mine = [asset for asset in assets if asset.chain == NO_CHAIN and asset.contract != asset.code]
    if any(asset.code == code for asset in assets if asset not in mine):
        raise Problem(409, "asset_code_taken", f"{code} is known already; see /ledger/assets.", "/code")
    if any(asset.code == code and asset.decimals != decimals for asset in mine):
        raise Problem(409, "asset_conflict", f"{code} has other decimals, for good.", "/decimals")
    if len(mine) >= MOST_OWN_ASSETS and all(asset.code != code for asset in mine):
        raise Problem(409, "too_many_assets", f"A book has {MOST_OWN_ASSETS} assets of its own at most.")
    try:
        return chart.asset(code, NO_CHAIN, decimals, contract)
    except ValueError:  # another request has just made it
        raise Problem(409, "asset_conflict", f"{code} has other decimals, for good.", "/decimals") from None


def _visible(key: ApiKey) -> QuerySet[Asset]:
    """Of the table: chains of test or real money, as the key is; currencies; the book's own."""
    issued = Q(chain__in=[chain.code for chain in _chains(key.live)])
    money = Q(chain=NO_CHAIN, contract__in=FIAT_DECIMALS)
    return Asset.objects.filter(issued | money | Q(chain=NO_CHAIN, contract__startswith=f"{key.book_id}:"))


def _chains(live: bool) -> list[Chain]:
    return [chain for chain in CHAINS.values() if chain.live == live]
