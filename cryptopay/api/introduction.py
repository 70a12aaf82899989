"""What the description begins with: the conventions of all operations, and what each group is for."""

from collections.abc import Mapping
from typing import Any

_CONVENTIONS = """
Invoices, payments and balances in cryptocurrency, backed by a double-entry ledger.

**Keys.** `Authorization: Bearer sk_test_...` sees test chains and a test book, `sk_live_...` real money. Each
operation says which scope its key needs.

**Once.** Every POST carries an `Idempotency-Key`. The same key with the same request gives the same answer, for
24 hours, and happens once.

**Amounts** are exact: decimals in strings, and base units (satoshis, wei) as integers in strings. A JSON number
is refused.

**Lists** come in pages, `{data, has_more, next_cursor}`: send `next_cursor` as `cursor` for the next one.

**Refusals** are `application/problem+json` (RFC 9457). Act on `code`, which stays; each operation lists those
it may answer with. `errors` names all that is wrong, each with a JSON Pointer into your body or the name of a
parameter. Fields and parameters that are not described are refused. What is another merchant's answers 404.
"""

GROUPS: Mapping[str, str] = {
    "invoices": "Ask for money: in a coin or a currency, by checkout page or by an address of your own showing.",
    "payments": "What arrived, and whether it is really received.",
    "customers": "Who pays you, by your own names for them, with their balances.",
    "webhook-endpoints": "Where you hear of events.",
    "events": "Everything you were told, to catch up by.",
    "deliveries": "Events on their way to you.",
    "addresses": "The key manager alone: an address for each of your users.",
    "public-keys": "What your addresses derive from.",
    "watches": "The monitor alone: any address or transaction, whoever's it is.",
    "chain-events": "What became of addresses and watches.",
    "ledger": "The ledger alone: accounts, entries, balances as of any day.",
    "journal": "Every chain transaction and every entry, validated or not.",
    "exports": "Reports that are made in the background.",
    "reports": "What accountants read, as JSON, CSV, XLSX or PDF.",
    "rates": "What coins are priced by.",
    "api-keys": "Keys of your programs.",
    "me": "The key you ask with.",
    "chains": "Networks, and how far each has been read.",
    "health": "For load balancers and watchmen.",
    "test": "Test mode: the ugly cases at a call.",
}
"""In the order of the docs page; a group that is not here comes last."""


def add_to(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """What drf-spectacular calls with the whole description (POSTPROCESSING_HOOKS)."""
    used = {tag for item in result["paths"].values() for operation in item.values() for tag in operation["tags"]}
    result["info"]["description"] = _CONVENTIONS.strip()
    result["tags"] = [{"name": name, "description": text} for name, text in GROUPS.items() if name in used]
    return result
