"""`/addresses`: one for a user and a chain, verified before each showing."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from cryptopay.merchants.models import ApiKey
from keys.importing import import_credential
from keys.models import Address, AddressAlarm
from monitor.chains import CHAINS
from monitor.models import WatchedAddress
from tests import database, people
from tests.cryptopay.api.conftest import Caller, code

pytestmark = pytest.mark.django_db

BTC = "bitcoin-regtest"


def ask(caller: Caller, user: str = "user-42", chain: str = BTC, **more: Any) -> Any:
    return caller.post("/addresses", {"chain": chain, "user": user, **more})


def test_given_once_and_shown_again(alice: Caller) -> None:
    made = ask(alice, metadata={"tier": "gold"})
    again = ask(alice)
    assert (made.status_code, again.status_code) == (201, 200)
    body = made.json()
    assert again.json() == body == alice.get(f"/addresses/{body['id']}").json()
    assert body["address"] == Address.objects.get().text
    assert body["uri"] == f"bitcoin:{body['address']}"
    assert (body["user"], body["memo"], body["metadata"], body["live"]) == ("user-42", None, {"tier": "gold"}, False)
    assert body["account"] == "liabilities:customers:user-42"
    assert [row.own for row in WatchedAddress.objects.all()] == [True]


def test_two_users_and_two_chains_have_their_own(alice: Caller, charlie: Caller) -> None:
    asked = [(alice, "ann", BTC), (alice, "bob", BTC), (alice, "ann", "litecoin-regtest"), (charlie, "ann", BTC)]
    given = [ask(caller, user, chain).json()["address"] for caller, user, chain in asked]
    assert len(set(given)) == 4


def test_pages_and_filters(alice: Caller) -> None:
    ids = [ask(alice, f"user {number}").json()["id"] for number in range(3)]
    ids.append(ask(alice, "user 0", "litecoin-regtest").json()["id"])
    first = alice.get("/addresses", limit=3).json()
    rest = alice.get("/addresses", limit=3, cursor=first["next_cursor"]).json()
    assert [row["id"] for row in first["data"] + rest["data"]] == ids[::-1]
    assert [row["id"] for row in alice.get("/addresses", user="user 0").json()["data"]] == [ids[3], ids[0]]
    assert [row["id"] for row in alice.get("/addresses", user="user 0", chain=BTC).json()["data"]] == [ids[0]]
    assert code(alice.get("/addresses", cursor="adr_" + "0" * 26)) == "cursor_invalid"


def test_one_that_does_not_follow_from_its_key_is_withheld(alice: Caller) -> None:
    made = ask(alice).json()
    with database.past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE keys_address SET text = 'bcrt1forged'")
    for answer in (ask(alice).json(), alice.get(f"/addresses/{made['id']}").json()):
        assert (answer["address"], answer["uri"]) == (None, None)
    assert AddressAlarm.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "refusal", "pointer"),
    [
        ({"user": "ann"}, 400, "required", "/chain"),
        ({"chain": BTC}, 400, "required", "/user"),
        ({"chain": BTC, "user": ""}, 400, "blank", "/user"),
        ({"chain": BTC, "user": " ann"}, 400, "external_ref_invalid", "/user"),
        ({"chain": BTC, "user": "a\nb"}, 400, "external_ref_invalid", "/user"),
        ({"chain": BTC, "user": "x" * 129}, 400, "max_length", "/user"),
        ({"chain": BTC, "user": 7}, 400, "invalid", "/user"),
        ({"chain": BTC, "user": "ann", "amount": "1"}, 400, "unknown_field", "/amount"),
        ({"chain": "dogecash", "user": "ann"}, 422, "chain_unknown", "/chain"),
        ({"chain": "bitcoin", "user": "ann"}, 422, "chain_unknown", "/chain"),
        ({"chain": BTC, "user": "ann", "metadata": {"a": 1}}, 400, "invalid", "/metadata/a"),
    ],
)
def test_refusals(alice: Caller, body: dict[str, Any], status: int, refusal: str, pointer: str) -> None:
    answer = alice.post("/addresses", body)
    assert (answer.status_code, code(answer)) == (status, refusal)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Address.objects.exists()


def test_without_a_key_or_a_node_there_is_none(alice: Caller, settings: Settings) -> None:
    live = Caller(alice.merchant, live=True)
    settings.NODE_URLS = {**settings.NODE_URLS, "bitcoin": "http://127.0.0.1:1"}
    assert code(ask(live, chain="bitcoin")) == "no_key_for_chain"
    settings.NODE_URLS = {}
    assert code(ask(alice)) == "chain_unavailable"


def test_each_scope_opens_its_own_door(alice: Caller) -> None:
    made = ask(alice).json()
    reader = Caller(alice.merchant, scopes=[ApiKey.Scope.ADDRESSES_READ])
    writer = Caller(alice.merchant, scopes=[ApiKey.Scope.ADDRESSES_WRITE])
    assert reader.get(f"/addresses/{made['id']}").status_code == 200
    assert code(ask(reader)) == "scope_missing"
    assert ask(writer).status_code == 200
    for path in ("/addresses", "/watches", "/chain-events"):
        assert code(writer.get(path)) == "scope_missing"


def test_chains_with_accounts_have_a_memo(alice: Caller) -> None:
    import_credential(alice.book, CHAINS["eos-dev"], "aliceaccount", "EOS")
    made = [ask(alice, user, "eos-dev").json() for user in ("ann", "bob")]
    assert {body["address"] for body in made} == {"aliceaccount"}
    assert len({body["memo"] for body in made} - {None}) == 2
    assert made[0]["uri"] is None
    assert ask(alice, "ann", "eos-dev").json() == made[0]


@pytest.mark.django_db(transaction=True)
def test_fifty_requests_of_one_user_get_one_address() -> None:
    caller = Caller(people.merchant("Alice"))

    def one(number: int) -> str:
        try:
            user = "the same" if number % 10 else f"user {number}"
            answer = caller.post("/addresses", {"chain": BTC, "user": user}, key=uuid.uuid4().hex)
            assert answer.status_code in (200, 201), answer.content
            return f"{user} {answer.json()['address']}"
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        given = set(pool.map(one, range(50)))
    assert len(given) == len({text.rpartition(" ")[2] for text in given}) == 6
