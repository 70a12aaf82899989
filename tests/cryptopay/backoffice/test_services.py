"""Users' addresses, watches and chain events in the admin: found by whatever a person has at hand, and only read."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser

from cryptopay.merchants.models import User
from cryptopay.payments.models import ChainNotice, CustomerAddress
from monitor.models import Watch
from tests import database

from .conftest import FOREIGN, Shop, arrived
from .test_looks import WIDTHS, Looking

SignIn = Callable[[User], Client]
ADDRESSES, WATCHES = "admin:payments_customeraddress_changelist", "admin:monitor_watch_changelist"
NOTICES = "admin:payments_chainnotice_changelist"


@pytest.fixture
def viewer(shops: dict[str, Shop], signed_in: SignIn) -> Client:
    return signed_in(shops["Bob"].members["viewer"])


@pytest.fixture
def given(shops: dict[str, Shop]) -> CustomerAddress:
    return CustomerAddress.objects.get(book=shops["Bob"].book)


def found(client: Client, name: str, term: str = "") -> list[int]:
    answer = client.get(reverse(name), {"q": term} if term else {})
    return [row.pk for row in answer.context["cl"].result_list]


def test_a_users_address_is_found_and_tells_what_arrived(viewer: Client, given: CustomerAddress) -> None:
    text = given.address.text
    for term in (text, "Bob-user", given.public_id):
        assert found(viewer, ADDRESSES, term) == [given.pk], term
    for term in ("Alice-user", text[:-1], CustomerAddress.objects.exclude(pk=given.pk).get().address.text):
        assert found(viewer, ADDRESSES, term) == [], term
    url = reverse("admin:payments_customeraddress_change", args=[given.pk])
    assert "Nothing has arrived yet." in viewer.get(url).content.decode()
    txid = arrived(text)
    page = viewer.get(url).content.decode()
    for words in (text, "Bob-user", "gold", txid, "0.00090000", "Not yet received", "Seen"):
        assert words in page, words


def test_an_address_that_does_not_follow_from_its_key_is_withheld(viewer: Client, given: CustomerAddress) -> None:
    with database.past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE keys_address SET text = 'bcrt1forged' WHERE id = %s", [given.address_id])
    for url in (reverse(ADDRESSES), reverse("admin:payments_customeraddress_change", args=[given.pk])):
        page = viewer.get(url).content.decode()
        assert "Withheld" in page
        assert "bcrt1forged" not in page


def test_watches_and_what_was_told_of_them_are_found(shops: dict[str, Shop], viewer: Client) -> None:
    of_address = Watch.objects.get(book=shops["Bob"].book, transaction=None)
    of_transaction = Watch.objects.get(book=shops["Bob"].book, address=None)
    assert of_transaction.transaction is not None
    assert found(viewer, WATCHES) == [of_address.pk, of_transaction.pk]
    assert found(viewer, WATCHES, FOREIGN) == found(viewer, WATCHES, of_address.public_id) == [of_address.pk]
    assert found(viewer, WATCHES, of_transaction.transaction.txid) == [of_transaction.pk]
    notice = ChainNotice.objects.get(book=shops["Bob"].book)
    for term in (FOREIGN, of_address.public_id, notice.txid):
        assert found(viewer, NOTICES, term) == [notice.pk], term
    page = viewer.get(reverse("admin:payments_chainnotice_change", args=[notice.pk])).content.decode()
    for words in ("0.00090000", FOREIGN, notice.txid):
        assert words in page
    assert "Awaited" in viewer.get(reverse(WATCHES)).content.decode()


@pytest.mark.parametrize("name", ["payments_customeraddress", "monitor_watch", "payments_chainnotice"])
def test_nobody_writes_them(shops: dict[str, Shop], root: User, signed_in: SignIn, name: str) -> None:
    client, stage = signed_in(root), shops["Bob"]
    model = {"payments_customeraddress": CustomerAddress, "monitor_watch": Watch, "payments_chainnotice": ChainNotice}
    row = model[name].objects.filter(book=stage.book)[0]
    assert client.get(reverse(f"admin:{name}_add")).status_code == 403
    for page in ("change", "delete"):
        assert client.post(reverse(f"admin:{name}_{page}", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert model[name].objects.filter(pk=row.pk).exists()


def test_the_pages_fit_and_break_no_policy(
    browser: Browser, shops: dict[str, Shop], signed_in: SignIn, given: CustomerAddress
) -> None:
    looking = Looking(browser.new_page(), signed_in(shops["Bob"].members["auditor"]))
    arrived(given.address.text)
    watch, notice = (model.objects.filter(book=shops["Bob"].book)[0] for model in (Watch, ChainNotice))
    pages = [
        *(reverse(name) for name in (ADDRESSES, WATCHES, NOTICES)),
        reverse("admin:payments_customeraddress_change", args=[given.pk]),
        reverse("admin:monitor_watch_change", args=[watch.pk]),
        reverse("admin:payments_chainnotice_change", args=[notice.pk]),
    ]
    for path in pages:
        for width in WIDTHS:
            page = looking.at(path, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"
            assert not looking.complaints, f"{path}: {looking.complaints}"
