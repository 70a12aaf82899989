"""The key manager and the monitor alone, on real nodes: a merchant with a public key, an endpoint and no invoice."""

import secrets
from typing import Any

import pytest

from cryptopay.payments import tasks as payments_tasks
from cryptopay.payments.models import Invoice
from ledger.models import JournalEntry
from monitor import tasks as monitor_tasks
from monitor.models import Backfill
from tests.journeys.conftest import DEEP, Coin, Shop

pytestmark = pytest.mark.django_db(transaction=True)


def post(shop: Shop, path: str, **body: Any) -> dict[str, Any]:
    answer = shop.http.post(path, json=body, headers={"Idempotency-Key": secrets.token_hex(16)})
    assert answer.status_code in (200, 201), answer.text
    made: dict[str, Any] = answer.json()
    return made


def address_for(shop: Shop, coin: Coin, user: str) -> dict[str, Any]:
    shop.use(coin)
    return post(shop, "/addresses", chain=coin.chain.code, user=user)


def watch(shop: Shop, coin: Coin, **named: Any) -> dict[str, Any]:
    shop.use(coin)
    return post(shop, "/watches", chain=coin.chain.code, **named)


def told(shop: Shop, subject: dict[str, Any]) -> list[str]:
    """Types of the webhooks received for it, verified, in the order they came."""
    return shop.told(subject)


def heard(shop: Shop) -> list[dict[str, Any]]:
    """All `chain.*` webhooks, as the list of chain events has them."""
    events = [event for event in shop.receiver.events(shop.webhook_secret) if event["type"].startswith("chain.")]
    return [{**event["data"]["chain_event"], "sequence": event["sequence"]} for event in events]


def listed(shop: Shop, **query: Any) -> list[dict[str, Any]]:
    """Chain events by the API, page by page, as given by `query`."""
    found: list[dict[str, Any]] = []
    position = {"after": query["after"]} if "after" in query else {}
    while True:
        page = shop.http.get("/chain-events", params={**query, **position, "limit": 2}).json()
        found += page["data"]
        if not page["has_more"]:
            return found
        position = {"after" if "after" in query else "cursor": page["next_cursor"]}


def balance(shop: Shop, coin: Coin, user: str) -> tuple[str, str]:
    """Of the user, as the ledger's own API shows it: posted, and on its way in; base units."""
    path = f"liabilities:customers:{user}"
    rows = shop.http.get("/ledger/accounts", params={"prefix": path}).json()["data"]
    for row in rows:
        asset = row["asset"]
        if (row["code"], asset["chain"], asset["contract"] or "") == (path, coin.chain.code, coin.contract):
            return row["balance"]["posted"]["base_units"], row["balance"]["pending_in"]["base_units"]
    return "0", "0"


def someone_elses(coin: Coin) -> str:
    """An address of the node's own."""
    return str(coin.node.accounts()[7]) if hasattr(coin.node, "accounts") else coin.node.new_address()


def test_an_address_for_a_user_from_payment_to_balance_and_back(shop: Shop, coin: Coin) -> None:
    given = address_for(shop, coin, "user-42")
    again, other = address_for(shop, coin, "user-42"), address_for(shop, coin, "user-43")
    assert (given["id"], given["address"]) == (again["id"], again["address"])
    assert other["address"] != given["address"]
    txid = coin.pay(given["address"], coin.due)
    shop.turn()
    assert told(shop, given) == ["chain.seen"]
    assert balance(shop, coin, "user-42") == ("0", str(coin.due))
    coin.bury()
    shop.turn()
    assert told(shop, given) == ["chain.seen", "chain.confirmed"]
    assert balance(shop, coin, "user-42") == (str(coin.due), "0")
    assert shop.holds(coin, coin.custody).posted == coin.due == coin.on_chain(given["address"])

    raw = coin.raw(txid)
    coin.node.reorg(DEEP)
    shop.turn()
    assert "chain.reversed" in told(shop, given)
    assert balance(shop, coin, "user-42")[0] == "0"
    coin.broadcast(raw)
    coin.bury()
    shop.turn()
    assert told(shop, given)[-1] == "chain.confirmed"
    assert balance(shop, coin, "user-42") == (str(coin.due), "0")
    assert balance(shop, coin, "user-43") == ("0", "0")
    assert shop.holds(coin, coin.custody).posted == coin.due == coin.on_chain(given["address"])
    assert not Invoice.objects.exists()
    webhooks = heard(shop)
    assert {event["user"] for event in webhooks} == {"user-42"}
    assert {event["amount"]["base_units"] for event in webhooks} == {str(coin.due)}
    assert [event["sequence"] for event in webhooks] == list(range(1, len(webhooks) + 1))
    assert listed(shop)[::-1] == webhooks
    assert listed(shop, after=webhooks[0]["id"]) == webhooks[1:]


def test_anybodys_address_and_transaction_are_told_and_not_booked(shop: Shop, coin: Coin) -> None:
    address = someone_elses(coin)
    of_address = watch(shop, coin, address=address, metadata={"name": "cold"})
    txid = coin.pay(address, coin.due)
    of_transaction = watch(shop, coin, txid=txid)
    assert of_transaction["transaction"]["state"] == "awaited"
    shop.turn()
    assert told(shop, of_address) == told(shop, of_transaction) == ["chain.seen"]
    coin.bury()
    shop.turn()
    coin.bury()  # of a transaction nobody knows how much it is: it waits for what any amount asks
    shop.turn()
    assert told(shop, of_address) == told(shop, of_transaction) == ["chain.seen", "chain.confirmed"]
    standing = shop.http.get(f"/watches/{of_transaction['id']}").json()["transaction"]
    assert (standing["state"], standing["txid"]) == ("confirmed", txid)
    assert standing["confirmations"] == 2 * DEEP
    assert not JournalEntry.objects.exists()
    assert sorted(event["id"] for event in heard(shop)) == sorted(event["id"] for event in listed(shop))
    assert [event["kind"] for event in listed(shop, subject=of_address["id"])] == ["confirmed", "seen"]
    assert {event["metadata"]["name"] for event in listed(shop, address=of_address["address"])} == {"cold"}
    assert shop.http.delete(f"/watches/{of_address['id']}").json()["ended_at"]
    coin.pay(address, coin.due)
    coin.bury()
    shop.turn()
    assert len(told(shop, of_address)) == 2


def test_a_double_spent_transaction_is_dropped(shop: Shop, coin: Coin) -> None:
    shop.use(coin)
    txid = coin.pay(someone_elses(coin), coin.due)
    watched = watch(shop, coin, txid=txid)
    shop.turn()
    coin.node.replace(txid)
    shop.turn()
    coin.bury()
    shop.turn()
    assert told(shop, watched) == ["chain.seen", "chain.dropped"]
    coin.bury()


def test_blocks_are_read_again_for_a_late_watch(shop: Shop, bitcoin: Coin) -> None:
    shop.use(bitcoin)
    address = someone_elses(bitcoin)
    txid = bitcoin.pay(address, bitcoin.due)
    height = bitcoin.node.height()
    bitcoin.bury()
    shop.turn()
    late = [watch(shop, bitcoin, since_height=height, **named) for named in ({"address": address}, {"txid": txid})]
    while Backfill.objects.filter(finished_at=None).exists():
        monitor_tasks.read_again(bitcoin.chain.code)
    payments_tasks.drain(bitcoin.chain.code)
    shop.turn()
    for one in late:
        assert told(shop, one) == ["chain.seen", "chain.confirmed"]
