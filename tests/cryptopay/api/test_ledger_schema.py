"""What the ledger's routes answer is what their description says, with the rows and the gaps that a test can make."""

from typing import Any

from tests.cryptopay.api.conftest import Caller
from tests.cryptopay.api.ledger_programs import BANK, CREDIT, SALES, entry, made, open_books
from tests.cryptopay.api.test_schema import _check, schema  # noqa: F401 - a fixture


def test_answers_are_as_described(schema: dict[str, Any], alice: Caller) -> None:  # noqa: F811
    books = open_books(alice)
    pending = made(alice, "/ledger/entries", entry(BANK, CREDIT, "5", pending=True, reference="r", metadata={"a": ""}))
    settled = made(alice, f"/ledger/entries/{pending['id']}/settle", {})
    answers = {
        "Asset": made(alice, "/ledger/assets", {"code": "POINTS", "decimals": 0}),
        "Account": made(alice, "/ledger/accounts", {"code": "expense:x", "asset": "EUR"}),
        "Entry": made(alice, f"/ledger/entries/{settled['id']}/reverse", {"reason": "x"}),
        "Entries": made(alice, "/ledger/entries/batch", {"entries": [entry(BANK, SALES, "1", order_id="1")]}),
        "FullStory": alice.get(f"/journal/{pending['id']}").json(),
        "StoryPage": alice.get("/journal", limit=1).json(),
        "Statement": alice.get(f"/ledger/accounts/{books[BANK]}/statement", limit=1).json(),
        "AccountPage": alice.get("/ledger/accounts", as_of="2026-03-01").json(),
        "TrialBalance": alice.get("/ledger/trial-balance", cursor=books[BANK]).json(),
    }
    for name, answer in answers.items():
        _check(schema, {"$ref": f"#/components/schemas/{name}"}, answer)


def test_examples_are_accepted(schema: dict[str, Any], alice: Caller) -> None:  # noqa: F811
    """Each example of the description does what it says."""
    for path in ("/ledger/assets", "/ledger/accounts"):
        for body in _examples(schema, path):
            made(alice, path, body)
    for code in ("assets:bank", "income:sales"):
        made(alice, "/ledger/accounts", {"code": code, "asset": "EUR"})
    made(alice, "/ledger/entries", entry("assets:bank", "liabilities:store credit:bob", "15.00"))
    posted = [made(alice, "/ledger/entries", body) for body in _examples(schema, "/ledger/entries")]
    assert [one["kind"] for one in posted] == ["post", "pending"]


def test_ids_in_paths_have_their_form(schema: dict[str, Any]) -> None:  # noqa: F811
    (parameter,) = schema["paths"]["/api/v1/ledger/entries/{entry_id}"]["get"]["parameters"]
    assert parameter["schema"]["pattern"] == "^je_[1-9][0-9]{0,17}$"


def _examples(schema: dict[str, Any], path: str) -> list[dict[str, Any]]:  # noqa: F811
    content = schema["paths"][f"/api/v1{path}"]["post"]["requestBody"]["content"]["application/json"]
    return [example["value"] for example in content["examples"].values()]
