"""`/watches` and `/chain-events`: anybody's addresses and transactions, told once and in order, booked never."""

import secrets
from typing import Any

import pytest
from django.utils import timezone

from cryptopay.payments import intake
from cryptopay.webhooks.models import Delivery
from keys.formats import format_of, monero, monero_base58
from keys.importing import import_credential
from keys.models import Address
from ledger.models import JournalEntry
from monitor import deposits, watches
from monitor.chains import CHAINS
from monitor.connectors.base import Transfer
from monitor.deposits import Sighting
from monitor.models import Backfill, ChainEvent, Cursor, TransactionEvent, WatchedTransaction
from monitor.watching import watched
from tests.cryptopay.api.conftest import Caller, code
from tests.monitor.connectors.monero_sender import base, random_scalar

pytestmark = pytest.mark.django_db

BTC = "bitcoin-regtest"
TXID = "ab" * 32
# BIP-173's and BIP-350's witness programs, and BIP-16's and BIP-13's forms, as Bitcoin Core writes them on regtest
FORMS = {
    "p2pkh": "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
    "p2sh": "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
    "p2wpkh": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "p2wsh": "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
    "p2tr": "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6",
}
FOREIGN = FORMS["p2wpkh"]
ETH = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # from EIP-55


def watch(caller: Caller, chain: str = BTC, **named: Any) -> Any:
    return caller.post("/watches", {"chain": chain, **named})


def arrive(base_units: int = 70_000, address: str = FOREIGN) -> str:
    """Coins are seen on their way there, as the monitor tells it."""
    chain = CHAINS[BTC]
    destination, txid = format_of(chain).parse(address, chain), secrets.token_hex(32)
    transfer = Transfer(f"{txid}:0", txid, destination, base_units)
    if found := watched(chain, [destination]):
        deposits.take_in(Sighting(chain, timezone.now(), None), [transfer], found)
    intake.drain(BTC)
    return txid


def drop(txid: str) -> None:
    deposits.drop(CHAINS[BTC], [txid], timezone.now())
    intake.drain(BTC)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_address_is_watched(alice: Caller, form: str) -> None:
    made = watch(alice, address=FORMS[form])
    assert made.status_code == 201, made.content
    assert made.json()["address"] == FORMS[form]
    txid = arrive(address=FORMS[form])
    (event,) = alice.get("/chain-events").json()["data"]
    assert (event["txid"], event["address"], event["kind"]) == (txid, FORMS[form], "seen")


def test_the_same_again_is_the_same_watch(alice: Caller) -> None:
    first = watch(alice, address=FOREIGN, metadata={"name": "cold"})
    assert (first.status_code, first.json()["transaction"]) == (201, None)
    again = watch(alice, address=FOREIGN.upper(), metadata={"name": "cold"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert code(watch(alice, address=FOREIGN)) == "watch_conflict"
    by_id = watch(alice, txid=TXID.upper())
    assert (by_id.status_code, by_id.json()["transaction"]) == (
        201,
        {"txid": TXID, "state": "awaited", "height": None, "confirmations": 0, "required_confirmations": 6},
    )
    assert watch(alice, txid=TXID).json()["id"] == by_id.json()["id"]


def test_what_is_told_is_neither_booked_nor_anybody_elses(alice: Caller, charlie: Caller) -> None:
    made = watch(alice, address=FOREIGN).json()
    arrive()
    (event,) = alice.get("/chain-events").json()["data"]
    assert (event["subject"], event["sequence"], event["user"]) == (made["id"], 1, None)
    assert event["amount"] == {"asset": "BTC", "amount": "0.00070000", "base_units": "70000", "contract": None}
    assert alice.get(f"/chain-events/{event['id']}").json() == event
    assert not JournalEntry.objects.exists()
    assert charlie.get("/chain-events").json()["data"] == []
    assert code(charlie.get("/chain-events", after=event["id"])) == "cursor_invalid"
    assert code(charlie.send("DELETE", f"/watches/{made['id']}")) == "not_found"


def test_catching_up_page_by_page(alice: Caller) -> None:
    made = watch(alice, address=FOREIGN).json()
    first = arrive()
    told = alice.get("/chain-events").json()["data"][0]["id"]
    later = [arrive(number) for number in (70_001, 70_002, 70_003)]
    drop(first)
    found: list[Any] = []
    while True:
        page = alice.get("/chain-events", after=told, limit=2).json()
        found += page["data"]
        if not page["has_more"]:
            break
        told = page["next_cursor"]
    assert [event["txid"] for event in found] == [*later, first]
    assert [event["sequence"] for event in found] == [2, 3, 4, 5]
    (dropped,) = alice.get("/chain-events", kind="dropped").json()["data"]
    assert dropped["txid"] == first
    for query in ({"subject": made["id"]}, {"address": FOREIGN}, {"chain": BTC}):
        assert len(alice.get("/chain-events", **query).json()["data"]) == 5
    for query in ({"subject": "wat_" + "0" * 26}, {"address": FORMS["p2tr"]}, {"chain": "litecoin-regtest"}):
        assert alice.get("/chain-events", **query).json()["data"] == []
    assert code(alice.get("/chain-events", after=told, cursor=told)) == "parameters_conflict"
    assert code(alice.get("/chain-events", kind="orphaned")) == "invalid_choice"


def test_an_ended_watch_hears_no_more(alice: Caller) -> None:
    made = watch(alice, address=FOREIGN).json()
    ended = alice.send("DELETE", f"/watches/{made['id']}").json()
    assert ended["ended_at"] is not None
    assert alice.send("DELETE", f"/watches/{made['id']}").json() == ended
    arrive()
    assert alice.get("/chain-events").json()["data"] == []
    assert [row["id"] for row in alice.get("/watches", open="false").json()["data"]] == [made["id"]]
    assert alice.get("/watches", open="true").json()["data"] == []
    again = watch(alice, address=FOREIGN).json()
    arrive()
    assert alice.get("/chain-events").json()["data"][0]["subject"] == again["id"] != made["id"]


def test_an_address_given_to_payers_is_booked_whoever_ends_a_watch(alice: Caller) -> None:
    given = alice.post("/addresses", {"chain": BTC, "user": "ann"}).json()
    made = watch(alice, address=given["address"]).json()
    alice.send("DELETE", f"/watches/{made['id']}")
    arrive(address=given["address"])
    (event,) = alice.get("/chain-events").json()["data"]
    assert (event["subject"], event["user"]) == (given["id"], "ann")
    assert JournalEntry.objects.count() == 1


def test_how_a_transaction_stands(alice: Caller) -> None:
    made = watch(alice, txid=TXID, metadata={"order": "7"}).json()
    row = WatchedTransaction.objects.get()
    row.state, row.block_height, row.appearance = row.State.SEEN, 100, 1
    row.save()
    TransactionEvent.objects.create(
        book=alice.book, chain_code=BTC, transaction=row, kind=ChainEvent.Kind.SEEN, appearance=1, block_height=100,
        happened_at=timezone.now(),
    )  # fmt: skip
    Cursor.objects.create(chain_code=BTC, height=102, node_height=102)
    intake.drain(BTC)
    standing = alice.get(f"/watches/{made['id']}").json()["transaction"]
    assert (standing["state"], standing["height"], standing["confirmations"]) == ("seen", 100, 3)
    (event,) = alice.get("/chain-events").json()["data"]
    assert (event["txid"], event["amount"], event["address"], event["height"]) == (TXID, None, None, 100)
    assert event["metadata"] == {"order": "7"}


def test_blocks_are_read_again_for_a_late_watch(alice: Caller) -> None:
    Cursor.objects.create(chain_code=BTC, height=20_000, node_height=20_000)
    made = watch(alice, address=FOREIGN, since_height=19_000).json()
    assert made["since_height"] == 19_000
    (asked,) = Backfill.objects.values_list("chain_code", "first_height", "asked_for")
    assert asked == (BTC, 19_000, made["id"])
    refused = watch(alice, txid=TXID, since_height=9_999)
    assert (refused.status_code, code(refused)) == (422, "since_height_too_low")
    assert refused.json()["errors"][0]["pointer"] == "/since_height"
    assert not WatchedTransaction.objects.exists()


def test_blocks_are_read_again_for_so_many_watches_at_once(alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "MOST_READ_AGAIN", 2)
    Cursor.objects.create(chain_code=BTC, height=20_000, node_height=20_000)
    for number in (3, 2):  # what begins earlier is no part of what is asked for already
        assert watch(alice, txid=f"{number:064x}", since_height=19_000 + number).status_code == 201
    assert code(watch(alice, txid=TXID, since_height=19_001)) == "reading_again"
    assert watch(alice, txid=TXID).status_code == 201
    Backfill.objects.update(finished_at=timezone.now())
    assert watch(alice, txid="cd" * 32, since_height=19_001).status_code == 201


def test_on_monero_only_own_addresses_are_watched(alice: Caller) -> None:
    chain, pair = CHAINS["monero-regtest"], monero.ViewPair.of(base(random_scalar()), random_scalar())
    primary = monero_base58.encode(b"\x12" + pair.spend_public_key + pair.view_public_key)
    import_credential(alice.book, chain, f"{primary}\n{pair.view_secret.hex()}", "XMR")
    given = alice.post("/addresses", {"chain": chain.code, "user": "ann"}).json()
    assert watch(alice, chain.code, address=given["address"]).status_code == 201
    foreign = monero.deriver(monero.ViewPair.of(base(random_scalar()), random_scalar()), chain).address(1)[0]
    refused = watch(alice, chain.code, address=foreign)
    assert (refused.status_code, code(refused)) == (422, "address_not_yours")
    assert watch(alice, chain.code, txid=TXID).status_code == 201


def test_a_foreign_account_is_watched_with_and_without_a_memo(alice: Caller) -> None:
    for address, memo in (("exchange1234/987", "987"), ("exchange1234", None)):
        made = watch(alice, "eos-dev", address=address)
        assert made.status_code == 201, made.content
        assert (made.json()["address"], made.json()["memo"]) == ("exchange1234", memo)


def test_only_endpoints_that_ask_for_them_hear_chain_events(alice: Caller) -> None:
    for name, types in (("all", []), ("chain", ["chain.seen"]), ("invoices", ["invoice.settled"])):
        body = {"url": f"https://{name}.example/hook", "event_types": types}
        assert alice.post("/webhook-endpoints", body).status_code == 201
    watch(alice, address=FOREIGN)
    drop(arrive())
    told = Delivery.objects.order_by("pk").values_list("endpoint__url", "event__type")
    assert list(told) == [
        ("https://all.example/hook", "chain.seen"),
        ("https://chain.example/hook", "chain.seen"),
        ("https://all.example/hook", "chain.dropped"),
    ]


def test_pages_and_filters(alice: Caller) -> None:
    ids = [watch(alice, txid=f"{number:064x}").json()["id"] for number in range(3)]
    ids.append(watch(alice, "ethereum-dev", address=ETH.lower()).json()["id"])
    first = alice.get("/watches", limit=3).json()
    rest = alice.get("/watches", limit=3, cursor=first["next_cursor"]).json()
    assert [row["id"] for row in first["data"] + rest["data"]] == ids[::-1]
    for query in ({"address": ETH}, {"chain": "ethereum-dev"}):
        assert [row["id"] for row in alice.get("/watches", **query).json()["data"]] == [ids[3]]
    assert [row["id"] for row in alice.get("/watches", txid=f"{1:064x}").json()["data"]] == [ids[1]]


@pytest.mark.parametrize(
    ("body", "status", "refusal", "pointer"),
    [
        ({"address": FOREIGN}, 400, "required", "/chain"),
        ({"chain": BTC}, 400, "watch_target_invalid", "/address"),
        ({"chain": BTC, "address": FOREIGN, "txid": TXID}, 400, "watch_target_invalid", "/address"),
        ({"chain": BTC, "address": FOREIGN[:-1] + "q"}, 400, "address_invalid", "/address"),
        ({"chain": BTC, "address": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}, 400, "address_invalid", "/address"),
        ({"chain": "ethereum-dev", "address": ETH.replace("A", "a", 1)}, 400, "address_invalid", "/address"),
        ({"chain": BTC, "txid": "ab"}, 400, "txid_invalid", "/txid"),
        ({"chain": BTC, "txid": "g" * 64}, 400, "txid_invalid", "/txid"),
        ({"chain": "ethereum-dev", "txid": TXID}, 400, "txid_invalid", "/txid"),
        ({"chain": BTC, "txid": TXID, "confirmations": -1}, 400, "min_value", "/confirmations"),
        ({"chain": BTC, "txid": TXID, "confirmations": "3"}, 400, "invalid", "/confirmations"),
        ({"chain": BTC, "txid": TXID, "since_height": -1}, 400, "min_value", "/since_height"),
        ({"chain": BTC, "txid": TXID, "user": "ann"}, 400, "unknown_field", "/user"),
        ({"chain": "bitcoin", "txid": TXID}, 422, "chain_unknown", "/chain"),
    ],
)
def test_refusals(alice: Caller, body: dict[str, Any], status: int, refusal: str, pointer: str) -> None:
    answer = alice.post("/watches", body)
    assert (answer.status_code, code(answer)) == (status, refusal)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not WatchedTransaction.objects.exists()
    assert not Address.objects.exists()
