"""Examples for the description: what each operation takes and gives, of one shop and one sale.

They are made from the description itself: a field is given the value that stands here under `Component.field`, else
under its own name, else one of its type. So a new field has an example without a line here, and a better one with it.
A test holds each against its description, and sends each request to the API.
"""

from collections.abc import Mapping
from typing import Any

_TXID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
_OTHER_TXID = "0e3e2357e806b6cdb1f70b54c3a3a17b6714ee1f0e68bebb44a74b1efd512098"
_BLOCK = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
_ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
_EXTENDED_KEY = (  # of the words "abandon" eleven times and "about", m/84'/1'/0'
    "tpubDC5FSnBiZDMmhiuCmWAYsLwgLYrrT9rAqvTySfuCCrgsWz8wxMXUS9Tb9iVMvcRbvFcAHGkMD5Kx8koh4GquNGNTfohfk7pgjhaPCdXpoba"
)
_MOMENT = "2026-03-02T09:00:00Z"
_ULID = "01jd8x3k5m7n9p1q3r5s7t9v1w"
_EUROS = {"asset": "EUR", "amount": "900.00", "base_units": "90000"}
_SAID = {"source": "kraken", "price": "60000", "observed_at": _MOMENT, "used": True, "why": ""}
_LEGS = [{"account": "expense:rent", "debit": "900.00"}, {"account": "assets:bank", "credit": "900.00"}]

WHOLE: Mapping[str, Any] = {
    "Amount": {"asset": "BTC", "amount": "0.00041667", "base_units": "41667"},
    "ChainAmount": {"asset": "BTC", "amount": "0.00041667", "base_units": "41667", "contract": None},
    "NewInvoiceBody": {
        "amount": "25.00",
        "currency": "EUR",
        "methods": ["BTC"],
        "order_id": "1001",
        "description": "A bag of beans",
        "customer_ref": "user-42",
        "return_url": "https://shop.example/orders/1001",
        "metadata": {"cart": "7"},
        "lines": [{"description": "A bag of beans", "net": "21.01", "tax_rate": "19", "tax": "3.99"}],
    },
    "NewRateBody": {"asset": "BTC", "currency": "EUR", "price": "60000.00", "reason": "Our bank's price"},
    "NewKeyBody": {"label": "Reports", "scopes": ["invoices:read", "ledger:read"]},
    "ExportBody": {"format": "xlsx", "until": "2026-03-31"},
    "MethodBody": {"method": "ETH"},
    "InvoicePaymentBody": {"method": "BTC", "share": "0.5", "blocks": 2},
    "AddressPaymentBody": {"amount": "0.002", "blocks": 2},
    "BlocksBody": {"chain": "bitcoin-regtest", "blocks": 6},
    "DoubleSpendBody": {"blocks": 1},
    "ReorgBody": {"chain": "bitcoin-regtest", "depth": 6, "payments": "drop"},
    "Expect.events": ["payment.detected"],
    "Expect.hint": "To have it confirmed, mine: POST /test/blocks.",
    "Done.blocks": [_BLOCK],
    "TestPayment.blocks": [],
    "DoubleSpend.blocks": [_BLOCK],
    "DoubleSpend.replaced_by": _OTHER_TXID,
    "Reorg.blocks": [_BLOCK],
    "Reorg.dropped": [_TXID],
    "Reorg.kept": [],
    "Reorg.waiting": [],
    "AddressBody": {"chain": "bitcoin-regtest", "user": "user-42", "metadata": {"level": "gold"}},
    "WatchBody": {"chain": "bitcoin-regtest", "address": _ADDRESS, "metadata": {"name": "cold"}},
    "PublicKeyBody": {
        "chain": "bitcoin-regtest",
        "extended_public_key": _EXTENDED_KEY,
        "label": "The safe in the office",
    },
    "NewEndpointBody": {"url": "https://example.com/hooks/cryptopay", "event_types": ["invoice.settled"]},
    "ChangedEndpointBody": {"event_types": ["invoice.settled", "invoice.expired"], "disabled": False},
    "NewAccountBody": {"code": "expense:rent", "asset": "EUR", "name": "Rent"},
    "NewAssetBody": {"code": "POINTS", "decimals": 0},
    "NewEntryBody": {"reference": "rent-2026-03", "effective_at": _MOMENT, "legs": _LEGS},
    "NewBatchBody": {"entries": [{"reference": "rent-2026-03", "legs": _LEGS}]},
    "ResolutionBody": {"description": "Shipped"},
    "ReversalBody": {"reason": "The parcel came back"},
    "Leg.debit": _EUROS,
    "Leg.credit": None,
    "Leg.balance_after": _EUROS,
    "StatementLine.credit": None,
    "Method.remaining": {"asset": "BTC", "amount": "0.00000000", "base_units": "0"},
    "PublicMethod.remaining": {"asset": "BTC", "amount": "0.00000000", "base_units": "0"},
    "Rate.source": "manual",
    "PriceSource.source": "kraken",
    "PriceSource.why": "",
    "PriceSource.used": True,
    "CurrentRate.sources": [_SAID],
    "RecordedRate.sources": [_SAID],
    "CurrentRate.usable": True,
    "CurrentRate.refused": None,
    "RecordedRate.id": "rate_1042",
    "RecordedRate.origin": "median",
    "RecordedRate.source": "median of Bitstamp, Kraken",
    "RecordedRate.suspect": None,
    "RecordedRate.written_by": None,
    "Price.source": "manual",
    "Expected.reason": None,
    "Entry.resolves": None,
    "Report.name": "trial-balance",
    "Report.title": "Trial balance",
    "Report.data": [{"account": "assets:bank", "asset": "EUR", "balance": _EUROS}],
    "Report.parameters": {"until": None},
    "Report.columns": ["account", "asset", "balance"],
    "Report.totals": [{"account": "Total", "asset": "EUR", "balance": {**_EUROS, "amount": "0.00", "base_units": "0"}}],
    "ReportAbout.name": "trial-balance",
    "ReportAbout.title": "Trial balance",
    "ReportAbout.about": "Every account with its validated debits and credits.",
    "ReportParameter.name": "until",
    "ReportParameter.about": "By the end of that day (UTC).",
    "Entry.written_by": "API key Web shop",
    "Account.id": "acc_17",
    "Entry.id": "je_1042",
    "FullStory.id": "je_1042",
    "Story.id": "je_1042",
    "PublicKey.id": "key_bitcoin-regtest_73c5da0a",
    "ImportedKey.id": "key_bitcoin-regtest_73c5da0a",
    "Asset.code": "EUR",
    "Asset.name": "EUR",
}
"""Components, and fields of theirs, that go by more than the fields' names."""

_PREFIXES = {
    "Invoice": "inv",
    "PublicInvoice": "inv",
    "Payment": "pay",
    "Address": "adr",
    "Watch": "wat",
    "ChainEvent": "cev",
    "Event": "evt",
    "Delivery": "dlv",
    "ApiKey": "ak",
    "NewApiKey": "ak",
    "RotatedKey": "ak",
    "Endpoint": "ep",
    "EndpointWithSecret": "ep",
}
_IDS = {
    "invoice": "inv",
    "payment": "pay",
    "address": "adr",
    "watch": "wat",
    "chain_event": "cev",
    "endpoint": "ep",
    "event": "evt",
    "delivery": "dlv",
}
BY_NAME: Mapping[str, Any] = {
    **{f"{name}_id": f"{prefix}_{_ULID}" for name, prefix in _IDS.items()},
    "account": "assets:bank",
    "account_id": "acc_17",
    "address": _ADDRESS,
    "address_form": "p2wpkh",
    "amount": "25.00",
    "asset": "BTC",
    "base_units": "41667",
    "block_hash": "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
    "book": "book_1",
    "columns": ["account", "asset", "balance"],
    "report_name": "trial-balance",
    "chain": "bitcoin-regtest",
    "checkout_url": f"https://pay.example.com/pay/inv_{_ULID}",
    "code": "assets:bank",
    "confirmations": 1,
    "contract": None,
    "currency": "EUR",
    "customer": "user-42",
    "customer_ref": "user-42",
    "cursor": None,
    "decimals": 8,
    "description": "A bag of beans",
    "entry_id": "je_1042",
    "rate_id": "rate_1042",
    "entry_ids": ["je_1042"],
    "event": f"evt_{_ULID}",
    "endpoint": f"ep_{_ULID}",
    "event_types": ["invoice.settled"],
    "invoice": f"inv_{_ULID}",
    "exception": "none",
    "external_ref": "user-42",
    "fee_rate": "12.5",
    "fee_unit": "sat/vB",
    "floor": None,
    "height": 812_345,
    "hint": "sk_test_9f2c",
    "label": "Web shop",
    "limit": 50,
    "memo": None,
    "merchant": "Alice",
    "metadata": {"cart": "7"},
    "method": "BTC@bitcoin-regtest",
    "name": "Bank",
    "net": "21.01",
    "next_cursor": None,
    "order": "1001",
    "order_id": "1001",
    "path": "m/84'/1'/0'",
    "price": "60000",
    "query": None,
    "reason": None,
    "reference": "rent-2026-03",
    "replaced_by": None,
    "required_confirmations": 2,
    "return_url": "https://shop.example/orders/1001",
    "scopes": ["invoices:read", "ledger:read"],
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "since": None,
    "source": "invoice",
    "state": "seen",
    "status": "new",
    "subject": f"inv_{_ULID}",
    "title": "Bitcoin (regtest)",
    "tolerance": "0.005",
    "txid": _TXID,
    "type": "invoice.settled",
    "uri": f"bitcoin:{_ADDRESS}?amount=0.00041667",
    "url": "https://example.com/hooks/cryptopay",
    "user": "user-42",
}
_OF_FORMAT = {
    "date-time": _MOMENT,
    "date": "2026-03-02",
    "decimal": "25.00",
    "uri": "https://shop.example/orders/1001",
    "email": "bob@shop.example",
}
_OF_TYPE: Mapping[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1,
    "boolean": False,
    "object": {},
    "null": None,
}


def add_to(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """What drf-spectacular calls with the whole description (POSTPROCESSING_HOOKS)."""
    made = _Examples(result["components"]["schemas"])
    for item in result["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter.setdefault("example", made.of(parameter["schema"], parameter["name"]))
            for content in _contents(operation):
                if "example" not in content and "examples" not in content:
                    content["example"] = made.of(content["schema"])
    return result


def _contents(operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the request and of the answers that are no refusals."""
    answers = [answer for status, answer in operation["responses"].items() if status < "300"]
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    found = [content for body in bodies + answers for content in body.get("content", {}).items()]
    return [content for media, content in found if media == "application/json"]


class _Examples:
    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components

    def of(self, schema: Mapping[str, Any], name: str = "", owner: str = "") -> Any:
        """One value of that schema; `name` is the field's, `owner` the component it stands in."""
        whole = f"{owner}.{name}" if owner else ""
        if whole in WHOLE:
            return WHOLE[whole]
        if name == "id" and (prefix := _PREFIXES.get(owner)):
            return f"{prefix}_{_ULID}"
        if "$ref" in schema:
            component = schema["$ref"].rpartition("/")[2]
            return WHOLE[component] if component in WHOLE else self.of(self._components[component], name, component)
        for word in ("allOf", "oneOf", "anyOf"):
            if word in schema:
                return self.of(schema[word][0], name, owner)
        if "properties" in schema:
            inner = owner if not name or owner in self._components else ""
            return {field: self.of(part, field, inner) for field, part in schema["properties"].items()}
        return self._simple(schema, name, owner)

    def _simple(self, schema: Mapping[str, Any], name: str, owner: str) -> Any:
        kinds = schema.get("type", "null")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        named = BY_NAME.get(name, _NOTHING)
        if "enum" in schema:
            return named if named in schema["enum"] else schema["enum"][0]
        if "array" in kinds and "items" in schema and not isinstance(named, list):
            return [self.of(schema["items"], name.removesuffix("s"))]
        if any(isinstance(named, _PYTHON[kind]) for kind in kinds):
            return named
        usual = _OF_FORMAT.get(schema.get("format", ""), _OF_TYPE.get(kinds[0]))
        return schema.get("default", max(usual, schema["minimum"]) if "minimum" in schema else usual)


_NOTHING = object()
_PYTHON: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": int,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}
