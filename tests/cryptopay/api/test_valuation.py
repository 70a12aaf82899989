"""What nobody has priced, prices by hand within the book's limit, and how cost is counted."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.utils import timezone

from cryptopay.merchants.models import ApiKey, User
from ledger import chart, journal, lots, proposals
from ledger.errors import SecondPersonNeeded
from ledger.journal import Entry, Leg
from ledger.models import CostMethod, EntryPrice, Proposal
from tests.closing import change
from tests.cryptopay.api.conftest import Caller, code

AVERAGE = {"method": "average", "from_day": "2026-02-01", "reason": "Agreed with the tax office"}
STATED = {"price": "50000.50", "reason": "The exchange's statement"}


def entry(caller: Caller, day: int, units: int = 1_000_000, codes: tuple[str, ...] = ("BTC",), **more: Any) -> int:
    """So much of each coin, from the owner; of February."""
    legs = []
    for coin in (chart.asset(name, f"{name}-regtest".lower(), 8) for name in codes):
        chart.open_template(caller.book.pk, "shop", [coin])
        legs += [
            Leg(chart.custody(caller.book.pk, coin), debit=units),
            Leg(chart.find(caller.book.pk, "equity:opening", coin), credit=units),
        ]
    at = datetime(2026, 2, day, tzinfo=UTC)
    told = {"idem": f"of {day} {codes}", "effective_at": at, "description": "Brought in", "source": "test", **more}
    return journal.post(Entry(book_id=caller.book.pk, legs=legs, **told))


def pointer(answer: Any) -> str:
    return str(answer.json()["errors"][0]["pointer"])


def price(caller: Caller, number: int, **said: str) -> Any:
    return caller.post("/ledger/prices", {**STATED, "entry": f"je_{number}", **said})


def test_what_is_unpriced_is_listed_oldest_first_page_by_page(alice: Caller, charlie: Caller) -> None:
    numbers = [f"je_{entry(alice, day)}" for day in (3, 1, 2)]
    first = alice.get("/ledger/unpriced", limit=2).json()
    rest = alice.get("/ledger/unpriced", limit=2, cursor=first["next_cursor"]).json()
    assert [row["id"] for row in first["data"] + rest["data"]] == [numbers[1], numbers[2], numbers[0]]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert first["data"][0]["legs"][0]["debit"]["amount"] == "0.01000000"
    assert price(alice, int(numbers[1][3:])).status_code == 201
    assert [row["id"] for row in alice.get("/ledger/unpriced").json()["data"]] == [numbers[2], numbers[0]]
    assert charlie.get("/ledger/unpriced").json()["data"] == []
    assert code(charlie.get("/ledger/unpriced", cursor=numbers[0])) == "cursor_invalid"


def test_a_price_within_the_limit_is_kept(alice: Caller) -> None:
    number = entry(alice, 1)
    answer = price(alice, number)
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["status"], told["entry"], told["asset"]) == ("kept", f"je_{number}", "BTC")
    assert (told["price"], told["currency"]) == ("50000.5", "EUR")
    assert told["reason"].startswith(STATED["reason"])
    (kept,) = EntryPrice.objects.all()
    assert (kept.entry_id, str(kept.price)) == (number, "50000.500000000000000000")
    lots.derive(alice.book)
    (held,) = (one for one in lots.positions(alice.book, date(2026, 2, 1)) if one.account is None)
    assert held.cost == 500_01, "half a cent is rounded up"


def test_above_the_limit_a_second_person_decides_and_not_the_keys_maker(alice: Caller) -> None:
    ann = User.objects.create_user("ann")
    ApiKey.objects.filter(pk=alice.key.pk).update(made_by=ann)
    number = entry(alice, 1, units=100_000_000)
    answer = price(alice, number)
    assert (answer.status_code, answer.json()["status"]) == (202, "proposed")
    asked = Proposal.objects.get(kind=Proposal.Kind.PRICE)
    assert not EntryPrice.objects.exists()
    assert asked.asked_by == "ann"
    assert "API key tests" in asked.reason
    with pytest.raises(SecondPersonNeeded):
        proposals.approve(asked, by="Ann")
    proposals.approve(asked, by="Ben")
    assert EntryPrice.objects.get().approved_by == "Ben"


@pytest.mark.parametrize(
    ("wrong", "status", "said", "at"),
    [
        ({"price": "0"}, 400, "rate_invalid", "/price"),
        ({"price": "-1"}, 400, "amount_malformed", "/price"),
        ({"price": "1.0000000000000000001"}, 400, "amount_too_precise", "/price"),
        ({"asset": "ETH"}, 422, "asset_unknown", "/asset"),
        ({"reason": ""}, 400, "blank", "/reason"),
    ],
)
def test_what_is_no_price_is_refused(alice: Caller, wrong: dict[str, str], status: int, said: str, at: str) -> None:
    answer = price(alice, entry(alice, 1), **wrong)
    assert (answer.status_code, code(answer), pointer(answer)) == (status, said, at)
    assert not EntryPrice.objects.exists()


def test_of_several_coins_one_is_named(alice: Caller) -> None:
    number = entry(alice, 1, codes=("BTC", "LTC"))
    assert code(price(alice, number)) == "asset_ambiguous"
    assert price(alice, number, price="80", asset="LTC").json()["asset"] == "LTC"
    (left,) = alice.get("/ledger/unpriced").json()["data"]
    assert left["id"] == f"je_{number}", "the other coin still waits"


def test_threat_39_nobody_prices_anothers_entry(alice: Caller, charlie: Caller) -> None:
    number = entry(alice, 1)
    for caller, named in ((charlie, f"je_{number}"), (alice, "je_9"), (alice, "anything"), (charlie, "je_9")):
        answer = price(caller, 0, entry=named)
        assert (answer.status_code, code(answer)) == (404, "not_found")
    assert not EntryPrice.objects.exists()


def test_a_rate_of_its_own_stays_and_so_does_a_closed_period(alice: Caller) -> None:
    number = entry(alice, 1)
    assert price(alice, number).status_code == 201
    change(alice.book.pk, date(2026, 2, 28))
    assert code(price(alice, number)) == "period_closed"
    rate = alice.post("/rates", {"asset": "BTC", "currency": "EUR", "price": "60001"}).json()["id"]
    rated = entry(alice, 1, idem="rated", effective_at=timezone.now(), rate_id=int(rate.removeprefix("rate_")))
    assert code(price(alice, rated)) == "entry_priced"


def test_the_method_is_chosen_from_an_open_day_on(alice: Caller, charlie: Caller) -> None:
    assert alice.get("/cost-methods").json() == {"current": "fifo", "data": []}
    change(alice.book.pk, date(2026, 1, 31))
    refused = alice.post("/cost-methods", {**AVERAGE, "from_day": "2026-01-31"})
    assert (refused.status_code, code(refused), pointer(refused)) == (409, "period_closed", "/from_day")
    chosen = alice.post("/cost-methods", AVERAGE)
    assert chosen.status_code == 201
    assert chosen.json().items() >= AVERAGE.items()
    assert chosen.json()["written_by"].startswith("API key tests")
    assert alice.get("/cost-methods").json() == {"current": "average", "data": [chosen.json()]}
    assert charlie.get("/cost-methods").json()["data"] == []
    for wrong in ({"method": "lifo"}, {"from_day": "yesterday"}, {"reason": ""}):
        assert alice.post("/cost-methods", AVERAGE | wrong).status_code == 400
    assert CostMethod.objects.count() == 1
