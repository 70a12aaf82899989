"""The journal over REST: one row a story, whatever became of it, found by whatever is known of it."""

import random
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cryptopay.payments import intake
from ledger import journal
from ledger.journal import Resolution, Standing, story_heads
from ledger.models import Account, JournalEntry
from monitor.models import Deposit
from tests.cryptopay.api.conftest import Caller, pay
from tests.cryptopay.api.ledger_programs import BANK, CREDIT, RENT, SALES, entry, made, open_books
from tests.cryptopay.api.test_ledger_accounts import all_of
from tests.cryptopay.api.test_ledger_entries import fault


@pytest.fixture
def books(alice: Caller) -> dict[str, str]:
    return open_books(alice)


def ids(caller: Caller, **query: Any) -> list[str]:
    return [story["id"] for story in all_of(caller, "/journal", 100, **query)]


def test_a_payment_is_there_before_it_is_validated(alice: Caller, charlie: Caller, order: dict[str, Any]) -> None:
    invoice = alice.post("/invoices", {**order, "customer_ref": "bob"}).json()["id"]
    pay(alice)
    txid = Deposit.objects.get().txid
    (story,) = alice.get("/journal").json()["data"]
    assert (story["standing"], story["source"], story["rate"]) == ("unconfirmed", "chain:bitcoin-regtest", None)
    assert story["references"] == {
        "invoice": invoice, "order": "1042", "customer": "bob", "chain": "bitcoin-regtest", "txid": txid,
    }  # fmt: skip
    assert story["amounts"] == [{"asset": "BTC", "amount": "0.00050000", "base_units": "50000"}]
    assert story["entry_ids"] == [story["id"]]
    for known in (
        {"txid": txid}, {"invoice": invoice}, {"order": "1042"}, {"customer": "bob"}, {"asset": "BTC"},
        {"source": "chain:bitcoin-regtest"}, {"standing": "unconfirmed"}, {"account": "liabilities:customers:bob"},
        {"account": f"acc_{Account.objects.get(code='liabilities:customers:bob').pk}"},
        {"asset": "BTC@bitcoin-regtest", "txid": txid, "standing": "unconfirmed"},
    ):  # fmt: skip
        assert ids(alice, **known) == [story["id"]], known
        assert ids(charlie, **known) == []
    for other in (
        {"txid": "0" * 64}, {"invoice": "inv_x"}, {"order": "10"}, {"customer": "bo"}, {"asset": "ETH"}, {"asset": "X"},
        {"source": "chain:"}, {"standing": "validated"}, {"account": "liabilities:customers:"}, {"account": "acc_1"},
        {"reference": "1042"},
    ):  # fmt: skip
        assert ids(alice, **other) == [], other


def test_a_validated_payment_shows_its_rate_and_its_reversal(alice: Caller, order: dict[str, Any]) -> None:
    alice.post("/invoices", order)
    pay(alice)
    seen = JournalEntry.objects.get(kind=JournalEntry.Kind.PENDING)
    rate = intake.entries._rate_now(alice.book, seen.postings.first().asset)  # type: ignore[union-attr]
    assert rate
    more = {"book_id": alice.book.pk, "effective_at": timezone.now(), "source": seen.source, "description": "As told"}
    settled = journal.settle(Resolution(entry=seen.pk, idem="s", rate_id=rate.pk, **more))  # type: ignore[arg-type]
    (story,) = alice.get("/journal").json()["data"]
    assert (story["standing"], story["rate"]["price"], story["rate"]["source"]) == ("validated", "60000", "test")
    reversal = journal.reverse(Resolution(entry=settled, idem="r", **more))  # type: ignore[arg-type]
    told = [f"je_{pk}" for pk in (seen.pk, settled, reversal)]
    for entry_id in told:
        story = alice.get(f"/journal/{entry_id}").json()
        assert (story["id"], story["standing"], story["entry_ids"]) == (told[0], "reversed", told)
        assert [(one["id"], one["kind"]) for one in story["entries"]] == list(
            zip(told, ("pending", "settle", "reverse"), strict=True)
        )
        assert [len(one["legs"]) for one in story["entries"]] == [2, 4, 2]


def test_standings_are_those_of_the_ledger(alice: Caller, books: dict[str, str]) -> None:
    """The quick ways to the few that were dropped or reversed find what the definition says."""
    dice = random.Random(7)
    made(alice, "/ledger/entries", entry(BANK, CREDIT, "1000"))
    for _ in range(40):
        pending = dice.random() < 0.6
        posted = made(alice, "/ledger/entries", entry(CREDIT, SALES, "1", pending=pending))["id"]
        if pending and dice.random() < 0.8:
            verb = dice.choice(("settle", "settle", "void"))
            resolved = made(alice, f"/ledger/entries/{posted}/{verb}", {})["id"]
            posted = resolved if verb == "settle" else ""
        elif pending:
            posted = ""
        if posted and dice.random() < 0.4:
            made(alice, f"/ledger/entries/{posted}/reverse", {"reason": "dice"})
    heads = story_heads(JournalEntry.objects.filter(book=alice.book))
    for standing in Standing:
        expected = {f"je_{pk}" for pk in heads.filter(standing=standing).values_list("pk", flat=True)}
        assert len(expected) > 2
        found = all_of(alice, "/journal", 100, standing=standing.value)
        assert {story["id"] for story in found} == expected
        assert {story["standing"] for story in found} == {standing.value}
    assert len(ids(alice)) == 41


def test_ranges(alice: Caller, books: dict[str, str]) -> None:
    late = made(alice, "/ledger/entries", entry(BANK, SALES, "1", effective_at="2026-03-31T23:59:59.999999Z"))
    early = made(alice, "/ledger/entries", entry(BANK, RENT, "1", effective_at="2026-03-01T00:00:00Z"))
    both, today = [early["id"], late["id"]], timezone.now().date()
    assert ids(alice) == both
    for query, expected in (
        ({"effective_from": "2026-03-01", "effective_to": "2026-03-31"}, both),
        ({"effective_from": "2026-03-01T00:00:00Z", "effective_to": "2026-03-31T23:59:59.999999Z"}, both),
        ({"effective_from": "2026-03-01T00:00:00.000001Z"}, [late["id"]]),
        ({"effective_to": "2026-03-30"}, [early["id"]]),
        ({"effective_to": "2026-02-28"}, []),
        ({"recorded_from": late["recorded_at"], "recorded_to": late["recorded_at"]}, [late["id"]]),
        ({"recorded_from": str(today - timedelta(days=1)), "recorded_to": str(today + timedelta(days=1))}, both),
        ({"recorded_to": str(today - timedelta(days=1))}, []),
    ):
        assert ids(alice, **query) == expected, query


def test_pages_hold_still_while_more_is_written(alice: Caller, books: dict[str, str]) -> None:
    """In the order of recording: what is back-dated comes on top, too, and slips into no page already read."""
    first = [made(alice, "/ledger/entries", entry(BANK, SALES, "1"))["id"] for _ in range(5)]
    page = alice.get("/journal", limit=2).json()
    assert [story["id"] for story in page["data"]] == first[:2:-1]
    made(alice, "/ledger/entries", entry(BANK, SALES, "1", effective_at="2020-01-01T00:00:00Z"))
    rest = all_of(alice, "/journal", 2)[1:]
    assert [story["id"] for story in rest] == first[::-1]
    following = alice.get("/journal", limit=10, cursor=page["next_cursor"]).json()
    assert [story["id"] for story in following["data"]] == first[2::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"standing": "settled"}, "invalid_choice"),
        ({"effective_from": "March"}, "moment_invalid"),
        ({"recorded_to": "2026-03-01T00:00:00"}, "moment_invalid"),
        ({"order_id": "1"}, "unknown_parameter"),
        ({"meta__txid": "1"}, "unknown_parameter"),
        ({"account__code": "x"}, "unknown_parameter"),
        ({"txid": "x" * 129}, "max_length"),
        ({"txid": "a\0b"}, "null_characters_not_allowed"),
        ({"limit": "0"}, "min_value"),
        ({"kind": "post"}, "unknown_parameter"),
    ],
)
def test_threat_43_what_may_be_asked_is_listed(alice: Caller, query: dict[str, str], expected: str) -> None:
    answer = alice.get("/journal", **query)
    assert fault(answer) == (400, expected, next(iter(query)))


def test_another_books_entry_opens_nothing(alice: Caller, charlie: Caller, books: dict[str, str]) -> None:
    posted = made(alice, "/ledger/entries", entry(BANK, SALES, "1"))["id"]
    for path in (f"/journal/{posted}", f"/ledger/entries/{posted}", f"/ledger/accounts/{books[BANK]}"):
        assert fault(charlie.get(path)) == (404, "not_found", "")
    assert fault(charlie.get("/journal", cursor=posted)) == (400, "cursor_invalid", "cursor")
    assert fault(charlie.get("/ledger/accounts", cursor=books[BANK])) == (400, "cursor_invalid", "cursor")
    for odd in ("je_0", "je_01", "je_-1", "je_1e3", "je_9999999999999999999", "JE_1", "acc_1", "je_"):
        assert alice.get(f"/journal/{odd}").status_code == 404
