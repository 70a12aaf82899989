"""Extended public keys go in by REST, and never come out."""

import pytest
from bip_utils import Base58Encoder

from keys.models import MasterKey
from monitor.chains import CHAINS
from tests import people
from tests.cryptopay.api.conftest import Caller, code
from tests.cryptopay.api.test_invoices import rows

BITCOIN = CHAINS["bitcoin-regtest"]


def new_key() -> str:
    return str(people.account(BITCOIN).PublicKey().ToExtended())


def test_import(alice: Caller) -> None:
    text = new_key()
    asked = {"chain": "bitcoin-regtest", "extended_public_key": f" {text}\n", "label": "Ledger in the safe"}
    answer = alice.post("/public-keys", asked)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert len(set(made["first_addresses"])) == 3
    assert all(address.startswith("bcrt1q") for address in made["first_addresses"])
    assert (made["active"], made["addresses_issued"]) == (True, 0)
    invoice = alice.post("/invoices", {"amount": "1", "currency": "BTC", "methods": ["BTC"]}).json()
    assert invoice["methods"][0]["address"] == made["first_addresses"][0]
    listed = alice.get("/public-keys")
    assert [key["active"] for key in listed.json()["data"] if key["chain"] == "bitcoin-regtest"] == [True, False]
    for said in (answer, listed):
        assert text not in said.content.decode()


def test_pages(alice: Caller) -> None:
    first = alice.get("/public-keys", limit=2).json()
    assert first["has_more"]
    rest = alice.get("/public-keys", limit=50, cursor=first["next_cursor"]).json()
    assert len({key["id"] for key in first["data"] + rest["data"]}) == MasterKey.objects.count()
    assert not rest["has_more"]
    assert code(alice.get("/public-keys", cursor="key_x")) == "cursor_invalid"


def _mistyped(text: str) -> str:
    return text[:40] + ("1" if text[40] != "1" else "2") + text[41:]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "xpub",
        "x" * 201,
        "sk_test_1",
        _mistyped(new_key()),
        new_key()[:-1],
        Base58Encoder.CheckEncode(b"\0" * 78),
        "zpub\0",
    ],
)
def test_bad_keys(alice: Caller, text: str) -> None:
    before = rows()
    asked = {"chain": "bitcoin-regtest", "extended_public_key": text, "label": "x"}
    answer = alice.post("/public-keys", asked)
    assert answer.status_code == 400
    assert code(answer) in ("extended_key_invalid", "blank", "max_length", "text_invalid")
    assert len(text) < 10 or text not in answer.content.decode()
    assert rows() == before


def test_a_private_key_is_refused_and_not_repeated(alice: Caller) -> None:
    text = str(people.account(BITCOIN).PrivateKey().ToExtended())
    answer = alice.post("/public-keys", {"chain": "bitcoin-regtest", "extended_public_key": text, "label": "x"})
    assert code(answer) == "extended_key_invalid"
    assert text not in answer.content.decode()


def test_a_key_of_another_tenant(alice: Caller, charlie: Caller) -> None:
    asked = {"chain": "bitcoin-regtest", "extended_public_key": new_key(), "label": "x"}
    assert alice.post("/public-keys", asked).status_code == 201
    before = rows()
    taken = charlie.post("/public-keys", asked)
    assert (taken.status_code, code(taken)) == (409, "credential_in_use")
    assert rows() == before


@pytest.mark.parametrize("chain", ["bitcoin", "nocoin", ""])
def test_chains_of_the_other_kind(alice: Caller, chain: str) -> None:
    before = MasterKey.objects.count()
    answer = alice.post("/public-keys", {"chain": chain, "extended_public_key": new_key(), "label": "x"})
    assert code(answer) in ("chain_unknown", "blank")
    assert MasterKey.objects.count() == before


def test_an_address_form_is_chosen(alice: Caller) -> None:
    text = new_key()
    asked = {"chain": "bitcoin-regtest", "extended_public_key": text, "label": "Taproot", "address_form": "p2tr"}
    made = alice.post("/public-keys", asked).json()
    assert made["address_form"] == "p2tr"
    assert all(address.startswith("bcrt1p") for address in made["first_addresses"])
    refused = alice.post("/public-keys", {**asked, "address_form": "p2wsh"})
    assert (refused.status_code, code(refused)) == (400, "extended_key_invalid")


def test_what_another_family_takes_is_refused_by_its_name(alice: Caller) -> None:
    """Each chain says which texts make up its key; nothing sent is left unread."""
    before = rows()
    asked = {"chain": "bitcoin-regtest", "label": "x"}
    without = alice.post("/public-keys", asked)
    assert (code(without), without.json()["errors"][0]["pointer"]) == ("required", "/extended_public_key")
    beside = alice.post("/public-keys", {**asked, "extended_public_key": new_key(), "private_view_key": "0" * 64})
    assert (code(beside), beside.json()["errors"][0]["pointer"]) == ("unknown_field", "/private_view_key")
    assert "0" * 64 not in beside.content.decode()
    assert rows() == before
