"""Posting over REST: what is written, what is refused and where, and that nothing is written twice."""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptopay.api.models import IdempotencyKey
from ledger.models import Account, JournalEntry, Posting
from tests.closing import change
from tests.cryptopay.api.conftest import Caller, code, pay
from tests.cryptopay.api.ledger_programs import BANK, CREDIT, RENT, SALES, entry, holds, made, open_books, queries
from tests.cryptopay.api.test_invoices import rows

AT = "2026-03-01T09:00:00+00:00"


@pytest.fixture
def books(alice: Caller) -> dict[str, str]:
    return open_books(alice)


def fault(answer: Any) -> tuple[int, str, str]:
    """Status, code and pointer of a refusal for one reason."""
    told = code(answer)
    (error,) = answer.json()["errors"]
    assert error["code"] == told
    return answer.status_code, told, error.get("pointer", error.get("parameter"))


def test_post(alice: Caller, books: dict[str, str]) -> None:
    body = entry(
        RENT, BANK, "900.00", reference="rent-03", description="Rent, March", effective_at="2026-03-01T10:00:00+01:00",
        order_id="77", customer_ref="landlord", metadata={"contract": "9"},
    )  # fmt: skip
    posted = made(alice, "/ledger/entries", body)
    assert (posted["kind"], posted["source"], posted["reference"]) == ("post", "api", "rent-03")
    assert (posted["written_by"], posted["resolves"], posted["reason"]) == ("API key tests", None, None)
    assert posted["references"] == {"order": "77", "customer": "landlord"}
    assert posted["metadata"] == {"contract": "9"}
    assert posted["effective_at"] == "2026-03-01T09:00:00Z"
    rent, bank = posted["legs"]
    amount = {"asset": "EUR", "amount": "900.00", "base_units": "90000"}
    assert (rent["account"], rent["account_id"], rent["debit"], rent["credit"]) == (RENT, books[RENT], amount, None)
    assert (bank["credit"], bank["balance_after"]["amount"], bank["layer"]) == (amount, "-900.00", "posted")
    assert alice.get(f"/ledger/entries/{posted['id']}").json() == posted
    assert alice.get("/ledger/entries", reference="rent-03").json()["data"] == [posted]
    assert holds(alice, books[BANK])["posted"] == "-900.00"


def test_an_account_is_named_by_id_or_code_and_an_amount_by_either_text(alice: Caller, books: dict[str, str]) -> None:
    legs = [{"account": books[BANK], "debit_base_units": "150"}, {"account": SALES, "asset": "EUR", "credit": "1.5"}]
    posted = made(alice, "/ledger/entries", {"legs": legs})
    assert [leg["account"] for leg in posted["legs"]] == [BANK, SALES]
    assert holds(alice, books[SALES])["posted"] == "1.50"


def test_one_code_in_two_assets(alice: Caller, books: dict[str, str]) -> None:
    made(alice, "/ledger/accounts", {"code": SALES, "asset": "BTC"})
    made(alice, "/ledger/accounts", {"code": "suspense", "asset": "BTC@bitcoin-regtest"})
    both = [
        {"account": BANK, "debit": "30"},
        {"account": SALES, "asset": "EUR", "credit": "30"},
        {"account": "suspense", "debit": "0.0005"},
        {"account": SALES, "asset": "BTC", "credit_base_units": "50000"},
    ]
    assert len(made(alice, "/ledger/entries", {"legs": both})["legs"]) == 4
    both[1].pop("asset")
    assert fault(alice.post("/ledger/entries", {"legs": both})) == (422, "account_ambiguous", "/legs/1/asset")
    both[1]["asset"] = "LTC"
    assert fault(alice.post("/ledger/entries", {"legs": both})) == (422, "account_unknown", "/legs/1/account")


_LEGS = entry(RENT, BANK, "1")["legs"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "required", "/legs")),
        ({"legs": _LEGS[:1]}, (400, "min_length", "/legs")),
        ({"legs": _LEGS * 51}, (400, "max_length", "/legs")),
        ({"legs": "all"}, (400, "not_a_list", "/legs")),
        ({"legs": _LEGS, "amount": "1"}, (400, "unknown_field", "/amount")),
        ({"legs": _LEGS, "txid": "f" * 64}, (400, "unknown_field", "/txid")),
        ({"legs": _LEGS, "source": "chain:bitcoin"}, (400, "unknown_field", "/source")),
        ({"legs": _LEGS, "pending": "perhaps"}, (400, "invalid", "/pending")),
        ({"legs": _LEGS, "reference": ""}, (400, "blank", "/reference")),
        ({"legs": _LEGS, "reference": "x" * 201}, (400, "max_length", "/reference")),
        ({"legs": _LEGS, "reference": 5}, (400, "invalid", "/reference")),
        ({"legs": _LEGS, "description": "x" * 301}, (400, "max_length", "/description")),
        ({"legs": _LEGS, "metadata": {"a": 1}}, (400, "invalid", "/metadata/a")),
        *(
            ({"legs": _LEGS, "effective_at": moment}, (400, "moment_invalid", "/effective_at"))
            for moment in ("2026-03-01", "2026-03-01T09:00:00", "yesterday", "", 5, "2026-02-30T00:00:00Z",
                           "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00", "2026-03-01T09:00:00Z; x")
        ),
        ({"legs": [_LEGS[0], {"account": BANK}]}, (400, "leg_invalid", "/legs/1")),
        ({"legs": [_LEGS[0], {"credit": "1"}]}, (400, "required", "/legs/1/account")),
        ({"legs": [_LEGS[0], {**_LEGS[1], "debit": "1"}]}, (400, "leg_invalid", "/legs/1")),
        ({"legs": [_LEGS[0], {**_LEGS[1], "side": "credit"}]}, (400, "unknown_field", "/legs/1/side")),
        *(
            ({"legs": [_LEGS[0], {"account": BANK, "credit": amount}]}, (400, "amount_malformed", "/legs/1/credit"))
            for amount in (1, 1.5, True, "-1", "+1", "1e3", "NaN", "", " 1", "1,5", "01", ".5", "\uff11")
        ),
        *(
            (
                {"legs": [_LEGS[0], {"account": BANK, "credit_base_units": amount}]},
                (400, "amount_malformed", "/legs/1/credit_base_units"),
            )
            for amount in (100, 1.0, "1.0", "-1", "", "0x10", "007", "\u0663")
        ),
        ({"legs": [_LEGS[0], {"account": BANK, "credit": "1.001"}]}, (400, "amount_too_precise", "/legs/1/credit")),
        ({"legs": [_LEGS[0], {"account": BANK, "credit": "0"}]}, (400, "amount_not_positive", "/legs/1/credit")),
        ({"legs": [_LEGS[0], {"account": BANK, "credit": "9" * 79}]}, (400, "amount_out_of_range", "/legs/1/credit")),
        (
            {"legs": [_LEGS[0], {"account": BANK, "credit_base_units": "9" * 79}]},
            (400, "amount_out_of_range", "/legs/1/credit_base_units"),
        ),
        ({"legs": [_LEGS[0], {"account": BANK, "credit": "1.01"}]}, (400, "entry_unbalanced", "/legs")),
        ({"legs": [_LEGS[0], {"account": "assets:till", "credit": "1"}]}, (422, "account_unknown", "/legs/1/account")),
        ({"legs": [_LEGS[0], {"account": "acc_999999", "credit": "1"}]}, (422, "account_unknown", "/legs/1/account")),
        (entry(RENT, "acc_" + "9" * 40, "1"), (422, "account_unknown", "/legs/1/account")),
        (entry(CREDIT, SALES, "0.01"), (409, "balance_below_floor", "/legs/0")),
        (entry(CREDIT, SALES, "0.01", pending=True), (409, "balance_below_floor", "/legs/0")),
    ],
)  # fmt: skip
def test_wrong_entries(alice: Caller, books: dict[str, str], body: dict[str, Any], expected: tuple[Any, ...]) -> None:
    before = rows()
    assert fault(alice.post("/ledger/entries", body)) == expected
    assert rows() == before


def test_all_that_is_wrong_is_told_at_once(alice: Caller, books: dict[str, str]) -> None:
    legs = [{"account": "nowhere", "debit": "1"}, {"account": BANK, "credit": "x"}, {"account": RENT}]
    answer = alice.post("/ledger/entries", {"legs": legs})
    assert (answer.status_code, code(answer)) == (422, "request_invalid")
    assert [(error["code"], error["pointer"]) for error in answer.json()["errors"]] == [
        ("account_unknown", "/legs/0/account"),
        ("amount_malformed", "/legs/1/credit"),
        ("leg_invalid", "/legs/2"),
    ]


def test_another_books_account_is_not_there(alice: Caller, charlie: Caller, books: dict[str, str]) -> None:
    own = open_books(charlie)
    answer = charlie.post("/ledger/entries", entry(books[BANK], own[SALES], "1"))
    assert fault(answer) == (422, "account_unknown", "/legs/0/account")
    assert made(charlie, "/ledger/entries", entry(BANK, SALES, "1"))["legs"][0]["account_id"] == own[BANK]
    assert holds(alice, books[BANK])["posted"] == "0.00"


def test_no_program_makes_a_receipt_up(alice: Caller, books: dict[str, str], order: dict[str, Any]) -> None:
    """Custody is what chains say, and what chains wrote no program settles, voids or reverses."""
    alice.post("/invoices", {**order, "customer_ref": "bob"})
    pay(alice)
    seen = JournalEntry.objects.get(book=alice.book, kind=JournalEntry.Kind.PENDING)
    custody = Account.objects.get(book=alice.book, code__startswith="assets:custody:")
    before = rows()
    for name in (custody.code, f"acc_{custody.pk}"):
        legs = [{"account": name, "debit": "1"}, {"account": "liabilities:customers:bob", "credit": "1"}]
        for pending in (False, True):
            answer = alice.post("/ledger/entries", {"legs": legs, "pending": pending})
            assert fault(answer) == (422, "account_reserved", "/legs/0/account")
    for verb in ("settle", "void", "reverse"):
        answer = alice.post(f"/ledger/entries/je_{seen.pk}/{verb}", {"reason": "x"} if verb == "reverse" else {})
        assert fault(answer) == (409, "entry_reserved", "")
    assert rows() == before


def test_a_pending_entry_sets_aside_and_is_settled_or_voided(alice: Caller, books: dict[str, str]) -> None:
    made(alice, "/ledger/entries", entry(BANK, CREDIT, "20"))
    spent = made(alice, "/ledger/entries", entry(CREDIT, SALES, "15", pending=True, order_id="1042"))
    assert (spent["kind"], [leg["layer"] for leg in spent["legs"]]) == ("pending", ["pending_out", "pending_in"])
    assert holds(alice, books[CREDIT]) == {
        "posted": "20.00", "pending_in": "0.00", "pending_out": "15.00", "available": "5.00",
    }  # fmt: skip
    more = entry(CREDIT, SALES, "5.01", pending=True)
    assert fault(alice.post("/ledger/entries", more)) == (409, "balance_below_floor", "/legs/0")
    settled = made(alice, f"/ledger/entries/{spent['id']}/settle", {"effective_at": AT, "reference": "shipped-1042"})
    assert (settled["kind"], settled["resolves"], settled["reference"]) == ("settle", spent["id"], "shipped-1042")
    assert settled["references"] == {"order": "1042"}
    assert holds(alice, books[CREDIT])["available"] == holds(alice, books[CREDIT])["posted"] == "5.00"
    for verb in ("settle", "void"):
        again = alice.post(f"/ledger/entries/{spent['id']}/{verb}", {})
        assert fault(again) == (409, "entry_already_resolved", "")
    other = made(alice, "/ledger/entries", entry(CREDIT, SALES, "5", pending=True))
    voided = made(alice, f"/ledger/entries/{other['id']}/void", {"description": "The order was cancelled"})
    assert (voided["kind"], voided["description"]) == ("void", "The order was cancelled")
    assert holds(alice, books[CREDIT])["available"] == "5.00"


def test_reversed_once_with_a_reason(alice: Caller, books: dict[str, str]) -> None:
    posted = made(alice, "/ledger/entries", entry(RENT, BANK, "900", order_id="7"))
    path = f"/ledger/entries/{posted['id']}/reverse"
    assert fault(alice.post(path, {})) == (400, "required", "/reason")
    taken_back = made(alice, path, {"reason": "Paid twice"})
    assert (taken_back["kind"], taken_back["reason"], taken_back["resolves"]) == ("reverse", "Paid twice", posted["id"])
    assert holds(alice, books[BANK])["posted"] == holds(alice, books[RENT])["posted"] == "0.00"
    assert fault(alice.post(path, {"reason": "Again"})) == (409, "entry_already_reversed", "")
    back = f"/ledger/entries/{taken_back['id']}/reverse"
    assert fault(alice.post(back, {"reason": "After all"})) == (409, "entry_not_reversible", "")
    for verb in ("settle", "void"):
        assert fault(alice.post(f"/ledger/entries/{posted['id']}/{verb}", {})) == (409, "entry_not_pending", "")


@pytest.mark.parametrize("verb", ["settle", "void", "reverse"])
def test_wrong_resolutions(alice: Caller, books: dict[str, str], verb: str) -> None:
    pending = made(alice, "/ledger/entries", entry(BANK, SALES, "1", pending=verb != "reverse"))
    path, right = f"/ledger/entries/{pending['id']}/{verb}", {"reason": "x"} if verb == "reverse" else {}
    before = rows()
    for more, expected in (
        ({"effective_at": "now"}, "moment_invalid"),
        ({"legs": []}, "unknown_field"),
        ({"reference": 1}, "invalid"),
        ({"description": ["x"]}, "invalid"),
        ({"metadata": "x"}, "not_a_dict"),
    ):
        assert fault(alice.post(path, {**right, **more})) == (400, expected, f"/{next(iter(more))}")
    assert rows() == before


def test_closed_periods(alice: Caller, books: dict[str, str]) -> None:
    pending = made(alice, "/ledger/entries", entry(BANK, SALES, "1", pending=True, effective_at=AT))
    posted = made(alice, "/ledger/entries", entry(BANK, SALES, "2", effective_at=AT, reference="kept"))
    change(alice.book.pk, date(2026, 3, 31))
    expected = (409, "period_closed", "/effective_at")
    late = entry(BANK, SALES, "1", effective_at="2026-03-31T23:59:59Z")
    assert fault(alice.post("/ledger/entries", late)) == expected
    assert fault(alice.post(f"/ledger/entries/{pending['id']}/settle", {"effective_at": AT})) == expected
    assert fault(alice.post(f"/ledger/entries/{posted['id']}/reverse", {"effective_at": AT, "reason": "x"})) == expected
    batch = {"entries": [entry(BANK, SALES, "1"), late]}
    assert fault(alice.post("/ledger/entries/batch", batch)) == (409, "period_closed", "/entries/1/effective_at")
    assert made(alice, f"/ledger/entries/{pending['id']}/settle", {})["kind"] == "settle"


def test_closed_accounts(alice: Caller, books: dict[str, str]) -> None:
    made(alice, f"/ledger/accounts/{books[RENT]}/close", None)
    answer = alice.post("/ledger/entries", entry(BANK, RENT, "1"))
    assert fault(answer) == (409, "account_closed", "/legs/1/account")
    answer = alice.post("/ledger/entries/batch", {"entries": [entry(BANK, SALES, "1"), entry(RENT, BANK, "1")]})
    assert fault(answer) == (409, "account_closed", "/entries/1/legs/0/account")


def test_a_reference_names_a_fact_for_good(alice: Caller, charlie: Caller, books: dict[str, str]) -> None:
    """Whatever the Idempotency-Key and the API key; nothing is said of when, so the first time counts."""
    posted = made(alice, "/ledger/entries", entry(BANK, SALES, "5", reference="order-1"))
    again = made(alice, "/ledger/entries", entry(BANK, SALES, "5", reference="order-1", description="Other words"))
    assert again == posted
    assert made(Caller(alice.merchant), "/ledger/entries", entry(BANK, SALES, "5", reference="order-1")) == posted
    for other in (
        entry(BANK, SALES, "6", reference="order-1"),
        entry(BANK, SALES, "5", reference="order-1", effective_at=AT),
    ):
        assert fault(alice.post("/ledger/entries", other)) == (409, "entry_conflict", "/reference")
    batch = {"entries": [entry(BANK, SALES, "5", reference="order-1"), entry(BANK, SALES, "1", reference="order-2")]}
    assert made(alice, "/ledger/entries/batch", batch)["data"][0] == posted
    batch["entries"][0]["legs"][0]["account"] = RENT
    assert fault(alice.post("/ledger/entries/batch", batch)) == (409, "entry_conflict", "/entries/0/reference")
    assert holds(alice, books[SALES])["posted"] == "6.00"
    open_books(charlie)
    assert made(charlie, "/ledger/entries", entry(BANK, SALES, "9", reference="order-1"))["id"] != posted["id"]


def test_a_key_writes_nothing_twice_even_when_its_answer_is_forgotten(alice: Caller, books: dict[str, str]) -> None:
    body = entry(BANK, SALES, "5", pending=True)
    first = alice.post("/ledger/entries", body, key="k")
    assert alice.post("/ledger/entries", body, key="k").content == first.content
    settled = alice.post(f"/ledger/entries/{first.json()['id']}/settle", {}, key="s")
    IdempotencyKey.objects.all().delete()
    assert alice.post("/ledger/entries", body, key="k").json() == first.json()
    again = alice.post(f"/ledger/entries/{first.json()['id']}/settle", {}, key="s")
    assert again.json() == settled.json()
    assert JournalEntry.objects.filter(book=alice.book).count() == 2
    IdempotencyKey.objects.all().delete()
    other = alice.post("/ledger/entries", entry(BANK, SALES, "6"), key="k")
    assert fault(other) == (409, "entry_conflict", "/reference")


def test_references_never_meet_the_names_of_other_entries(
    alice: Caller, books: dict[str, str], order: dict[str, Any]
) -> None:
    """A program that names its entry as we name ours, or as another request is named, gets an entry of its own."""
    alice.post("/invoices", order)
    pay(alice)
    made(alice, "/ledger/entries", entry(BANK, SALES, "1"), key="k")
    for idem in list(JournalEntry.objects.filter(book=alice.book).values_list("idem", flat=True)):
        assert made(alice, "/ledger/entries", entry(BANK, SALES, "1", reference=idem))["reference"] == idem


def test_batch(alice: Caller, books: dict[str, str]) -> None:
    entries = [entry(BANK, SALES, f"{n}.00", reference=f"sale-{n}", pending=n % 2 == 0) for n in range(1, 301)]
    done = made(alice, "/ledger/entries/batch", {"entries": entries})["data"]
    assert [one["reference"] for one in done] == [f"sale-{n}" for n in range(1, 301)]
    assert [one["kind"] for one in done[:2]] == ["post", "pending"]
    assert done[4] == alice.get(f"/ledger/entries/{done[4]['id']}").json()
    odd, even = sum(range(1, 301, 2)), sum(range(2, 301, 2))
    held = holds(alice, books[SALES])
    assert (held["posted"], held["pending_in"]) == (f"{odd}.00", f"{even}.00")


def test_a_batch_of_a_thousand_is_the_largest(alice: Caller, books: dict[str, str]) -> None:
    one = entry(BANK, SALES, "1")
    assert len(made(alice, "/ledger/entries/batch", {"entries": [one] * 1000})["data"]) == 1000
    answer = alice.post("/ledger/entries/batch", {"entries": [one] * 1001})
    assert fault(answer) == (400, "max_length", "/entries")
    assert fault(alice.post("/ledger/entries/batch", {"entries": []})) == (400, "min_length", "/entries")


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (entry(CREDIT, SALES, "0.01"), (409, "balance_below_floor", "/entries/2/legs/0")),
        (entry("nowhere", SALES, "1"), (422, "account_unknown", "/entries/2/legs/0/account")),
        (entry(BANK, SALES, "x"), (400, "request_invalid", "")),
        ({"legs": [*_LEGS, *_LEGS[:1]]}, (400, "entry_unbalanced", "/entries/2/legs")),
        ({**entry(BANK, SALES, "1"), "pending": 7}, (400, "invalid", "/entries/2/pending")),
    ],
)  # fmt: skip
def test_a_batch_is_all_or_none(
    alice: Caller, books: dict[str, str], bad: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    good = entry(BANK, SALES, "1")
    before = rows()
    answer = alice.post("/ledger/entries/batch", {"entries": [good, good, bad, good]})
    if expected[1] == "request_invalid":
        assert {error["pointer"] for error in answer.json()["errors"]} == {
            "/entries/2/legs/0/debit", "/entries/2/legs/1/credit",
        }  # fmt: skip
    else:
        assert fault(answer) == expected
    assert rows() == before


def test_money_taken_and_given_within_a_batch(alice: Caller, books: dict[str, str]) -> None:
    """Floors are looked at where the batch ends; over it as a whole, the entry that takes is named."""
    made(alice, "/ledger/entries/batch", {"entries": [entry(BANK, CREDIT, "5"), entry(CREDIT, SALES, "5")]})
    answer = alice.post("/ledger/entries/batch", {"entries": [entry(BANK, CREDIT, "5"), entry(CREDIT, SALES, "5.01")]})
    assert fault(answer) == (409, "balance_below_floor", "/entries/1/legs/0")


@pytest.mark.django_db(transaction=True)
def test_threat_28_fifty_at_once_are_one_entry(alice: Caller, books: dict[str, str]) -> None:
    """The same Idempotency-Key; and the same reference under fifty keys."""
    for key, reference in (("k", "one"), (None, "two")):
        gate = threading.Barrier(10)

        def ask(number: int, key: str | None = key, reference: str = reference, gate: threading.Barrier = gate) -> Any:
            try:
                if number < 10:
                    gate.wait(10)
                body = entry(BANK, SALES, "1", reference=reference)
                answer = alice.post("/ledger/entries", body, key=key or uuid.uuid4().hex)
                return answer.status_code, answer.json()["id"]
            finally:
                connections.close_all()

        with ThreadPoolExecutor(10) as pool:
            answers = set(pool.map(ask, range(50)))
        assert len(answers) == 1
        assert {status for status, _ in answers} == {201}
    assert JournalEntry.objects.count() == 2
    assert Posting.objects.count() == 4
    assert holds(alice, books[SALES])["posted"] == "2.00"


@pytest.mark.django_db(transaction=True)
def test_threat_26_store_credit_is_spent_once(alice: Caller, books: dict[str, str]) -> None:
    made(alice, "/ledger/entries", entry(BANK, CREDIT, "10"))

    def spend(_: int) -> int:
        try:
            return alice.post("/ledger/entries", entry(CREDIT, SALES, "3")).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(spend, range(24)))
    assert sorted(answers)[:4] == [201, 201, 201, 409]
    assert holds(alice, books[CREDIT])["posted"] == "1.00"


def test_lists(alice: Caller, books: dict[str, str]) -> None:
    posted = [made(alice, "/ledger/entries", entry(BANK, SALES, str(n))) for n in range(1, 6)]
    pending = made(alice, "/ledger/entries", entry(RENT, BANK, "1", pending=True))
    settled = made(alice, f"/ledger/entries/{pending['id']}/settle", {})
    newest = [settled, pending, *reversed(posted)]
    assert alice.get("/ledger/entries").json()["data"] == newest
    found, cursor = [], {}
    while True:
        page = alice.get("/ledger/entries", limit=2, **cursor).json()
        found += page["data"]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == newest
    assert alice.get("/ledger/entries", kind="settle").json()["data"] == [settled]
    assert alice.get("/ledger/entries", account=RENT).json()["data"] == [settled, pending]
    assert alice.get("/ledger/entries", account=books[RENT], kind="pending").json()["data"] == [pending]
    for wrong in ("je_999999", "je_0", "je_", "1", f"acc_{books[BANK]}"):
        assert fault(alice.get("/ledger/entries", cursor=wrong)) == (400, "cursor_invalid", "cursor")


def test_queries_do_not_grow_with_the_rows(alice: Caller, books: dict[str, str]) -> None:
    counted = []
    for _ in range(3):
        made(alice, "/ledger/entries/batch", {"entries": [entry(BANK, SALES, "1"), entry(RENT, BANK, "1")]})
        pending = made(alice, "/ledger/entries", entry(BANK, SALES, "1", pending=True))
        made(alice, f"/ledger/entries/{pending['id']}/settle", {})
        paths = (
            "/ledger/entries",
            "/ledger/accounts",
            "/ledger/trial-balance",
            "/journal",
            f"/journal/{pending['id']}",
        )
        statement = f"/ledger/accounts/{books[BANK]}/statement"
        counted.append([queries(alice, path) for path in (*paths, statement)])
    assert counted[0] == counted[1] == counted[2]


def test_threat_24_the_largest_amounts(alice: Caller, books: dict[str, str]) -> None:
    """2**256 - 1 at 18 decimals and back; what no balance can hold is refused."""
    for name in (BANK, SALES):
        made(alice, "/ledger/accounts", {"code": name, "asset": "ETH"})
    units = str(2**256 - 1)
    text = f"{units[:-18]}.{units[-18:]}"
    legs = [
        {"account": BANK, "asset": "ETH", "debit_base_units": units},
        {"account": SALES, "asset": "ETH", "credit": text},
    ]
    posted = made(alice, "/ledger/entries", {"legs": legs})
    assert posted["legs"][1]["credit"] == {"asset": "ETH", "amount": text, "base_units": units}
    largest = [{**leg, f"{side}_base_units": "9" * 78} for side, leg in zip(("debit", "credit"), legs, strict=True)]
    largest[1].pop("credit")
    before = rows()
    assert fault(alice.post("/ledger/entries", {"legs": largest})) == (409, "balance_too_large", "/legs")
    answer = alice.post("/ledger/entries/batch", {"entries": [{"legs": largest}, entry(RENT, CREDIT, "1")]})
    assert fault(answer) == (409, "balance_too_large", "/entries/0/legs")
    assert rows() == before


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from([BANK, "1", "EUR"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=15,
)
_leg = st.dictionaries(st.sampled_from(["account", "asset", "debit", "credit", "credit_base_units"]), _json, max_size=3)
_body = st.fixed_dictionaries(
    {"legs": st.lists(_leg | _json, max_size=3) | _json},
    optional=dict.fromkeys(("effective_at", "pending", "reference", "metadata", "entries", "code", "asset"), _json),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_body)
def test_whatever_json_is_sent_is_never_our_fault(alice: Caller, books: dict[str, str], body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    posted = made(alice, "/ledger/entries", entry(BANK, SALES, "1"))["id"]
    paths = ("entries", "entries/batch", "accounts", "assets", f"entries/{posted}/reverse", f"entries/{posted}/settle")
    for path in paths:
        headers = {"idempotency-key": uuid.uuid4().hex}
        answer = alice.send("POST", f"/ledger/{path}", raw=raw, headers=headers)
        assert answer.status_code in (201, 400, 409, 422), (path, answer.content)


def test_moments_are_kept_to_the_microsecond(alice: Caller, books: dict[str, str]) -> None:
    at = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
    posted = made(alice, "/ledger/entries", entry(BANK, SALES, "1", effective_at=at.isoformat()))
    assert JournalEntry.objects.get(pk=int(posted["id"][3:])).effective_at == at
    now = made(alice, "/ledger/entries", entry(BANK, SALES, "1"))
    assert datetime.now(UTC) - datetime.fromisoformat(now["effective_at"]) < timedelta(minutes=1)
