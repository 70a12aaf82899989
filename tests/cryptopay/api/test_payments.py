"""Finding payments: by invoice, order, customer, coin, state and time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptopay.payments.models import Payment
from tests.cryptopay.api.conftest import Caller, code, pay


@pytest.fixture
def paid(alice: Caller, order: dict[str, Any]) -> list[dict[str, Any]]:
    """Four payments, oldest first: two of Ann's to one invoice, one of Bob's, one of a guest's."""
    for changed, times in ({"customer_ref": "ann"}, 2), ({"customer_ref": "bob", "order_id": "2"}, 1), ({}, 1):
        alice.post("/invoices", {**order, **changed})
        for _ in range(times):
            pay(alice)
    found: list[dict[str, Any]] = alice.get("/payments").json()["data"][::-1]
    assert len(found) == 4
    return found


def asked(caller: Caller, **query: Any) -> list[str]:
    answer = caller.get("/payments", **query)
    assert answer.status_code == 200, answer.content
    return [payment["id"] for payment in answer.json()["data"]]


def test_filters(alice: Caller, charlie: Caller, order: dict[str, Any], paid: list[dict[str, Any]]) -> None:
    charlie.post("/invoices", {**order, "customer_ref": "ann"})
    pay(charlie)
    first, second, bobs, guests = (payment["id"] for payment in paid)
    Payment.objects.filter(public_id=second).update(state=Payment.State.DROPPED)
    everything = [guests, bobs, second, first]
    for query, found in (
        ({"invoice": paid[0]["invoice_id"]}, [second, first]),
        ({"order_id": "1042"}, [guests, second, first]),
        ({"order_id": "2"}, [bobs]),
        ({"customer_ref": "ann"}, [second, first]),
        ({"customer_ref": "nobody"}, []),
        ({"asset": "BTC"}, everything),
        ({"asset": "BTC@bitcoin-regtest"}, everything),
        ({"asset": "LTC"}, []),
        ({"asset": "NONE"}, []),
        ({"state": "dropped"}, [second]),
        ({"state": "seen", "customer_ref": "ann"}, [first]),
        ({"seen_from": "2001-01-01T00:00:00Z"}, everything),
        ({"seen_before": "2001-01-01T00:00:00Z"}, []),
    ):
        assert asked(alice, **query) == found, query
    assert asked(alice, customer_ref="ann", limit=1) == [second]
    assert asked(alice, customer_ref="ann", cursor=second) == [first]


def test_invoices_of_a_customer(alice: Caller, charlie: Caller, paid: list[dict[str, Any]]) -> None:
    (anns,) = alice.get("/invoices", customer_ref="ann").json()["data"]
    assert anns["id"] == paid[0]["invoice_id"]
    assert charlie.get("/invoices", customer_ref="ann").json()["data"] == []


@pytest.mark.parametrize("name", ["seen_from", "seen_before"])
def test_a_moment_has_an_offset(alice: Caller, name: str) -> None:
    answer = alice.get("/payments", **{name: "2026-03-02T09:00:00"})
    assert (answer.status_code, code(answer)) == (400, "moment_invalid")


_START = datetime(2026, 3, 2, tzinfo=UTC)
_minutes = st.integers(min_value=-600, max_value=600)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbered=st.lists(_minutes, min_size=4, max_size=4).map(sorted),
    lasted=st.lists(st.integers(min_value=0, max_value=59), min_size=4, max_size=4),
    since=_minutes,
    until=_minutes,
)
def test_a_span_of_time_misses_none(
    alice: Caller, paid: list[dict[str, Any]], numbered: list[int], lasted: list[int], since: int, until: int
) -> None:
    """A payment is dated when its transaction began, and numbered up to almost an hour later."""
    seen = [_START + timedelta(minutes=at - before) for at, before in zip(numbered, lasted, strict=True)]
    for payment, at in zip(paid, seen, strict=True):
        Payment.objects.filter(public_id=payment["id"]).update(seen_at=at)
    first, last = _START + timedelta(minutes=since), _START + timedelta(minutes=until)
    found = asked(alice, seen_from=first.isoformat(), seen_before=last.isoformat())
    within = [payment["id"] for payment, at in zip(paid, seen, strict=True) if first <= at < last]
    assert found == within[::-1]
