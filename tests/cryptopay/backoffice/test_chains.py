"""Chains in the admin: how each stands and why, what was set aside, read again, held, and how deep is deep enough."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser

from cryptopay.merchants.models import User
from monitor import confirmations
from monitor.chains import CHAINS
from monitor.models import Backfill, ConfirmationTier, Cursor, Deposit, ParkedTransaction

from .conftest import CHAIN, Shop
from .test_looks import WIDTHS, Looking

pytestmark = pytest.mark.usefixtures("shops")

SignIn = Callable[[User], Client]
LIST, PARKED = "admin:monitor_cursor_changelist", "admin:monitor_parkedtransaction_changelist"
TXID = "ab" * 32


@pytest.fixture
def operator(root: User, signed_in: SignIn) -> Client:
    return signed_in(root)


@pytest.fixture
def parked(shops: dict[str, Shop]) -> ParkedTransaction:
    return ParkedTransaction.objects.create(
        chain_code=CHAIN.code, height=90, hash="cd" * 32, txid=TXID, reason="a form nobody knows", raw=b"\1\2"
    )


@pytest.fixture
def troubled(parked: ParkedTransaction, shops: dict[str, Shop]) -> None:
    """One chain in each state there is."""
    now = timezone.now()
    hours_ago = now - timedelta(hours=3)
    states = {
        CHAIN.code: {"checked_at": now, "second_failing_since": now, "second_failure": "ConnectError"},
        "litecoin-regtest": {
            "failing_since": hours_ago,
            "failure": "at 10.0.0.7",
            "failure_code": "node_slow",
        },
        "ethereum-dev": {"halted_at": now, "failure": "deeper", "failure_code": "reorg_too_deep"},
        "bitcoin": {"checked_at": now, "node_height": 5_100},
        "litecoin": {"checked_at": now - timedelta(days=2)},
        "dogecoin": {"retired_at": now},
    }
    for code, fields in states.items():
        defaults = {"height": 100, "node_height": 100, "final_height": None, **fields}
        Cursor.objects.update_or_create(chain_code=code, defaults=defaults)
        if code not in ("litecoin", "dogecoin"):
            settings.NODE_URLS[code] = "http://127.0.0.1:9"  # put back by the fixture `node_urls`
    waiting = Deposit.objects.filter(book=shops["Bob"].book, state="seen")
    waiting.update(held_since=now, held_because="the second node has another block there")
    Backfill.objects.create(chain_code=CHAIN.code, first_height=1, next_height=41, last_height=90, asked_for="a watch")


def _text(client: Client, url: str) -> str:
    return client.get(url, follow=True).content.decode()


@pytest.mark.usefixtures("troubled")
def test_the_list_says_how_each_chain_stands_since_when_and_why(operator: Client) -> None:
    page = _text(operator, reverse(LIST))
    for words in (
        *("Reading", "Not read", "its node answers too slowly", "Halted", "a person must look", "Catching up"),
        *("5,000 blocks", "Switched off", "no node is set for it", "Retired", "1 transaction set aside"),
        *("1 range to read again", "held for two nodes"),
    ):
        assert words in page, words


@pytest.mark.usefixtures("troubled")
def test_what_a_node_said_is_for_those_who_run_it(operator: Client, shops: dict[str, Shop], signed_in: SignIn) -> None:
    page = reverse("admin:monitor_cursor_change", args=[Cursor.objects.get(chain_code="litecoin-regtest").pk])
    assert "10.0.0.7" in _text(operator, page)
    viewer = signed_in(shops["Bob"].members["viewer"])
    assert "its node answers too slowly" in _text(viewer, page)
    assert "10.0.0.7" not in _text(viewer, page)
    for name in (PARKED, "admin:monitor_backfill_changelist", "admin:monitor_confirmationtier_changelist"):
        assert viewer.get(reverse(name)).status_code == 403


@pytest.mark.usefixtures("troubled")
def test_a_halted_chain_is_read_on_by_whoever_runs_it(
    operator: Client, shops: dict[str, Shop], signed_in: SignIn
) -> None:
    halted = Cursor.objects.get(chain_code="ethereum-dev")
    order = {"action": "read_on", "_selected_action": [halted.pk]}
    signed_in(shops["Bob"].members["administrator"]).post(reverse(LIST), order)
    assert Cursor.objects.get(pk=halted.pk).halted_at is not None
    operator.post(reverse(LIST), order)
    assert Cursor.objects.get(pk=halted.pk).halted_at is None


def test_a_transaction_set_aside_is_read_again_on_request(operator: Client, parked: ParkedTransaction) -> None:
    page = _text(operator, reverse(PARKED))
    assert TXID in page
    assert "a form nobody knows" in page
    operator.post(reverse(PARKED), {"action": "read_again", "_selected_action": [parked.pk]})
    asked = Backfill.objects.get()
    assert (asked.chain_code, asked.first_height, asked.last_height) == (CHAIN.code, 90, 90)


def test_it_is_dismissed_with_a_reason_alone(operator: Client, root: User, parked: ParkedTransaction) -> None:
    url = reverse("admin:monitor_parkedtransaction_change", args=[parked.pk])
    assert "0102" in _text(operator, url)
    assert "errorlist" in operator.post(url, {"resolved_because": " "}).content.decode()
    parked.refresh_from_db()
    assert parked.state == ParkedTransaction.State.OPEN
    operator.post(url, {"resolved_because": "a stranger's"})
    parked.refresh_from_db()
    assert (parked.state, parked.resolved_by) == (ParkedTransaction.State.DISMISSED, root.get_username())
    assert operator.post(url, {"resolved_because": "another"}).status_code == 403


def test_an_operator_asks_for_blocks_to_be_read_again(operator: Client) -> None:
    url = reverse("admin:monitor_backfill_add")
    refused = operator.post(url, {"chain_code": CHAIN.code, "first_height": "9", "last_height": "8"})
    assert "to no earlier one" in refused.content.decode()
    order = {"chain_code": CHAIN.code, "first_height": "5", "last_height": "", "asked_for": "old addresses"}
    for _ in range(2):
        assert operator.post(url, order).status_code == 302
    row = Backfill.objects.get()
    assert (row.first_height, row.last_height, row.next_height) == (5, None, 5)
    assert "Waiting" in _text(operator, reverse("admin:monitor_backfill_changelist"))


def test_an_operator_changes_how_deep_is_deep_enough_but_not_below_the_floor(operator: Client) -> None:
    url = reverse("admin:monitor_confirmationtier_add")
    for chain, too_few in (("monero", 9), (CHAIN.code, 0)):
        refused = operator.post(url, {"chain_code": chain, "up_to_base_units": "", "confirmations": too_few})
        assert refused.status_code == 200
    assert not ConfirmationTier.objects.exists()
    order = {"chain_code": CHAIN.code, "up_to_base_units": "1000000", "confirmations": "1"}
    assert operator.post(url, order).status_code == 302
    tiers = confirmations.policy(CHAIN)
    assert confirmations.required(CHAIN, 1_000_000, tiers=tiers) == 1
    assert confirmations.required(CHAIN, 1_000_001, tiers=tiers) == 2, "the chain's own tiers go on above"
    assert "0.01000000" in _text(operator, reverse("admin:monitor_confirmationtier_changelist"))


@pytest.mark.usefixtures("troubled")
def test_today_names_chains_that_are_not_read_and_what_is_held(
    operator: Client, shops: dict[str, Shop], signed_in: SignIn
) -> None:
    mine = _text(signed_in(shops["Bob"].members["viewer"]), reverse("admin:index"))
    assert "its node answers too slowly" in mine
    assert "a deposit is held" in mine
    assert "a form nobody knows" not in mine
    assert CHAINS["dogecoin"].title not in mine
    assert CHAINS["litecoin"].title + "</" not in mine, "switched off, and nobody waits for it"
    assert "a transaction is set aside: a form nobody knows" in _text(operator, reverse("admin:index"))


@pytest.mark.usefixtures("troubled")
def test_the_pages_fit_a_telephone_and_a_desk(browser: Browser, operator: Client, parked: ParkedTransaction) -> None:
    looking = Looking(browser.new_page(), operator)
    looking.page.add_init_script("window.interpolate = window.ngettext = text => text")  # of Django's own catalogue
    urls = {
        "chains": reverse(LIST),
        "chain": reverse("admin:monitor_cursor_change", args=[Cursor.objects.get(chain_code="ethereum-dev").pk]),
        "parked": reverse(PARKED),
        "dismiss": reverse("admin:monitor_parkedtransaction_change", args=[parked.pk]),
        "again": reverse("admin:monitor_backfill_changelist"),
        "ask": reverse("admin:monitor_backfill_add"),
        "tier": reverse("admin:monitor_confirmationtier_add"),
    }
    for name, url in urls.items():
        for width in WIDTHS:
            page = looking.at(url, width)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
            if folder := os.environ.get("CRYPTOPAY_SCREENSHOTS"):
                page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True)
    assert looking.complaints == []
