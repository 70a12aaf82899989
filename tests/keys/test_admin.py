from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import reverse

from cryptopay.merchants.models import Membership
from cryptopay.merchants.onboarding import create_merchant
from keys.formats.base58 import encode
from keys.importing import first_addresses, import_credential
from keys.issuing import issue_address
from keys.models import AddressAlarm, KeyExport, MasterKey
from ledger.models import Book
from monitor.chains import CHAINS
from tests.database import past_triggers

BITCOIN = CHAINS["bitcoin-regtest"]
ADD = "admin:keys_masterkey_add"

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.org", "x"))
    return client


def _submit(staff: Client, book: Book, text: str, **changed: Any) -> Any:
    form = {"book": book.pk, "chain": BITCOIN.code, "label": "Trezor", "form": "", "credential": text, **changed}
    return staff.post(reverse(ADD), form, follow=True)


def test_a_key_is_imported_and_never_shown(
    staff: Client, new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book, text = new_book(), new_key()
    assert "extended public key" in staff.get(reverse(ADD)).content.decode()
    pages = [_submit(staff, book, f"\n {text} \n").content.decode()]
    master_key = MasterKey.objects.get(book=book)
    pages.append(staff.get(reverse("admin:keys_masterkey_changelist")).content.decode())
    pages.append(staff.get(reverse("admin:keys_masterkey_change", args=[master_key.pk])).content.decode())
    key = master_key.credential().key
    for page in pages:
        assert "Trezor" in page
        for secret in (text, key.chain_code.hex(), key.public_key.hex(), bytes(master_key.sealed_key).hex()):
            assert secret not in page
    for shown in (*first_addresses(master_key), master_key.short_fingerprint, BITCOIN.title, master_key.path):
        assert shown.replace("'", "&#x27;") in pages[2]
    assert first_addresses(master_key)[0] in pages[0], "the notice after the import asks to compare"


def test_a_wrong_key_is_explained_beside_its_field_and_not_repeated(
    staff: Client,
    new_book: Callable[[], Book],
    new_account: Callable[..., Any],
    new_master_key: Callable[[], MasterKey],
) -> None:
    book, used = new_book(), new_master_key()
    private = new_account().PrivateKey().ToExtended()
    for text, reason in (
        (private, "This is a private key"),
        ("tpub", "This is not an extended public key"),
        (encode(used.credential().key.payload), "already in use"),
    ):
        page = _submit(staff, book, text)
        assert "credential" in page.context["adminform"].form.errors
        assert reason in page.content.decode()
        assert len(text) < 9 or text not in page.content.decode()
    for chain in ("nowhere", "bitcoin"):
        assert "chain" in _submit(staff, book, "tpub", chain=chain).context["adminform"].form.errors
    assert not MasterKey.objects.filter(book=book).exists()


def test_a_second_key_replaces_the_active_one(
    staff: Client, new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book = new_book()
    _submit(staff, book, new_key(), label="first")
    _submit(staff, book, new_key(), label="second")
    assert list(MasterKey.objects.filter(book=book).order_by("pk").values_list("label", "active")) == [
        ("first", False),
        ("second", True),
    ]


def test_only_the_label_of_a_key_can_be_changed(staff: Client, new_master_key: Callable[[], MasterKey]) -> None:
    master_key = new_master_key()
    page = reverse("admin:keys_masterkey_change", args=[master_key.pk])
    staff.post(page, {"label": "Renamed", "next_index": "77", "active": "", "path": "m", "chain": "litecoin"})
    now = MasterKey.objects.get(pk=master_key.pk)
    assert (now.label, now.next_index, now.active, now.path) == ("Renamed", 0, True, master_key.path)
    assert staff.get(reverse("admin:keys_masterkey_delete", args=[master_key.pk])).status_code == 403


def test_addresses_are_verified_before_they_are_listed_and_cannot_be_edited(
    staff: Client, new_master_key: Callable[[], MasterKey]
) -> None:
    master_key = new_master_key()
    good, bad = issue_address(master_key.book_id, BITCOIN), issue_address(master_key.book_id, BITCOIN)
    forged = first_addresses(new_master_key())[0]
    with past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE keys_address SET text = %s WHERE id = %s", [forged, bad.pk])
    listed = staff.get(reverse("admin:keys_address_changelist")).content.decode()
    single = staff.get(reverse("admin:keys_address_change", args=[bad.pk])).content.decode()
    assert good.text in listed
    assert good.text in staff.get(reverse("admin:keys_address_change", args=[good.pk])).content.decode()
    for page in (listed, single):
        assert "withheld" in page
        assert forged not in page
    assert AddressAlarm.objects.filter(book_id=master_key.book_id).count() == 1, "the same finding twice in an hour"
    assert forged in staff.get(reverse("admin:keys_addressalarm_changelist")).content.decode(), "what was found"
    for action, arguments in (("add", []), ("delete", [good.pk])):
        assert staff.post(reverse(f"admin:keys_address_{action}", args=arguments)).status_code == 403
    assert staff.post(reverse("admin:keys_address_change", args=[good.pk]), {"text": "x"}).status_code == 403


def test_a_key_that_cannot_be_opened_says_so(
    staff: Client, new_book: Callable[[], Book], new_key: Callable[..., str], settings: Any
) -> None:
    master_key = import_credential(new_book(), BITCOIN, new_key(), "x")
    settings.KEYS_ENCRYPTION_KEY = bytes(range(32))
    page = staff.get(reverse("admin:keys_masterkey_change", args=[master_key.pk]))
    assert "sealed under another secret" in page.content.decode()


def test_descriptors_are_shown_to_whoever_may_and_that_is_kept(
    staff: Client, new_master_key: Callable[[], MasterKey]
) -> None:
    master_key = new_master_key()
    issue_address(master_key.book_id, BITCOIN)
    page = reverse("admin:keys_masterkey_export_page", args=[master_key.pk])
    xpub = encode(master_key.credential().payload[:78])
    asked = staff.get(page)
    assert xpub not in asked.content.decode()
    assert not KeyExport.objects.exists(), "asking shows nothing"
    shown = staff.post(page)
    assert f"wpkh({xpub}/0/*)#" in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    (kept,) = KeyExport.objects.all()
    assert (kept.exported_by, kept.master_key, kept.book) == ("root", master_key, master_key.book)
    listed = staff.get(reverse("admin:keys_keyexport_changelist")).content.decode()
    assert "root" in listed
    assert xpub not in listed
    assert page in staff.get(reverse("admin:keys_masterkey_change", args=[master_key.pk])).content.decode()


@pytest.mark.parametrize(
    ("role", "may"), [("administrator", True), ("auditor", False), ("accountant", False), ("viewer", False)]
)
def test_who_may_be_shown_an_extended_key(role: str, may: bool, new_key: Callable[..., str]) -> None:
    merchant = create_merchant("Alice")
    other = create_merchant("Bob")
    keys = [import_credential(one.test_book, BITCOIN, new_key(), "x") for one in (merchant, other)]
    person = get_user_model().objects.create_user("member", "member@example.org", "x", is_staff=True)
    Membership.objects.create(user=person, merchant=merchant, role=role)
    client = Client()
    client.force_login(person)
    answers = [client.post(reverse("admin:keys_masterkey_export_page", args=[key.pk])).status_code for key in keys]
    assert answers[0] == (200 if may else 403)
    assert answers[1] in (302, 403, 404), "another merchant's never"
    assert KeyExport.objects.filter(book=merchant.test_book).exists() == may
    assert not KeyExport.objects.filter(book=other.test_book).exists()


def test_a_key_is_imported_in_a_chosen_form(
    staff: Client, new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book = new_book()
    page = _submit(staff, book, new_key("m/86'/1'/0'"), form="p2tr").content.decode()
    assert "bcrt1p" in page
    assert MasterKey.objects.get(book=book).form == "p2tr"
    refused = _submit(staff, book, new_key(), form="eip55")
    assert "no addresses of the form eip55" in refused.content.decode()
