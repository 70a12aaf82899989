"""Each member sees their own books alone, on every page there is; a new page without rows in the stage fails here."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model, Q
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from cryptopay.backoffice import scoping
from cryptopay.backoffice.scoping import path_to_book, scope_of
from cryptopay.merchants.models import ApiKey, Customer, Membership, User
from cryptopay.merchants.permissions import GRANTS
from ledger.models import Book
from monitor.models import ChainEvent

from .conftest import Shop, registered, rows_of, unassigned

EVERYONES = {"ledger.asset", "monitor.cursor"}
PLATFORMS = {
    *("monitor.backfill", "monitor.confirmationtier", "monitor.parkedtransaction", "monitor.token"),
    *("payments.intakeposition", "merchants.user"),
}

SignIn = Callable[[User], Client]


@pytest.fixture
def shops(shops: dict[str, Shop]) -> dict[str, Shop]:
    """With a row of what few shops have, too."""
    for name, shop in shops.items():
        unassigned(shop, name)
    return shops


def _url(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def _label(model: type[Model]) -> str:
    return model._meta.label_lower


def test_the_way_to_the_book_is_found() -> None:
    assert path_to_book(Book) == "pk"
    assert path_to_book(Membership) == "merchant__live_book"
    assert path_to_book(ChainEvent) == "book"
    assert path_to_book(User) is None


def test_every_page_has_rows_to_prove_its_scope(shops: dict[str, Shop]) -> None:
    for model in registered():
        if _label(model) in PLATFORMS:
            assert scope_of(model, admin.site) is None
        else:
            assert rows_of(model, shops["Alice"]), f"{_label(model)}: the stage has no row of it"


@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_threat_39_no_page_of_anothers_row(shops: dict[str, Shop], signed_in: SignIn, page: str) -> None:
    for role, member in shops["Bob"].members.items():
        client = signed_in(member)
        for model in registered():
            if _label(model) in EVERYONES | PLATFORMS:
                continue
            foreign = {row.pk for row in rows_of(model, shops["Alice"])} - {
                row.pk for row in rows_of(model, shops["Bob"])
            }
            assert foreign
            for pk in list(foreign)[:2]:
                for method in (client.get, client.post):
                    answer = method(_url(model, page, pk))
                    gone = answer.status_code in (403, 404) or answer.headers.get("Location") == reverse("admin:index")
                    assert gone, f"{role} {page} {_label(model)} {answer.status_code}"


def test_threat_39_no_list_shows_anothers_row(shops: dict[str, Shop], signed_in: SignIn) -> None:
    """Pages, filters and searches: nothing of Alice's has her name on it for Bob's auditor, who sees all of Bob's."""
    auditor = shops["Bob"].members["auditor"]
    client = signed_in(auditor)
    for model in registered():
        if _label(model) in PLATFORMS:
            assert client.get(_url(model, "changelist")).status_code == 403
            continue
        for query in ("", "?q=Alice", "?q=Alice-seen"):
            answer = client.get(_url(model, "changelist") + query)
            assert answer.status_code == 200, _label(model)
            shown = {row.pk for row in answer.context["cl"].result_list}
            if _label(model) not in EVERYONES:
                assert shown <= {row.pk for row in rows_of(model, shops["Bob"])}, f"{_label(model)}{query}"
            assert "Alice's" not in answer.content.decode(), f"{_label(model)}{query}"
    for address in (reverse("admin:index"), reverse("admin:report", args=["trial-balance"])):
        assert "Alice" not in client.get(address).content.decode()


def test_threat_39_no_form_offers_anothers_merchant(shops: dict[str, Shop], signed_in: SignIn) -> None:
    client = signed_in(shops["Bob"].members["administrator"])
    for name in ("merchants_apikey", "webhooks_endpoint", "keys_masterkey", "payments_terms"):
        page = client.get(reverse(f"admin:{name}_add"))
        assert page.status_code == 200, name
        assert "Alice" not in page.content.decode(), name
    forged = {"merchant": shops["Alice"].merchant.pk, "label": "mallory", "scopes": ["invoices:read"]}
    assert client.post(reverse("admin:merchants_apikey_add"), forged).status_code == 200
    assert not ApiKey.objects.filter(label="mallory").exists()


def test_a_role_grants_nothing_at_another_merchant(shops: dict[str, Shop], signed_in: SignIn) -> None:
    """Auditor at Alice's and administrator at Bob's: sees Alice's keys, makes and revokes Bob's alone."""
    both = shops["Bob"].members["administrator"]
    Membership.objects.create(merchant=shops["Alice"].merchant, user=both, role=Membership.Role.AUDITOR)
    client = signed_in(both)
    keys = {shop: shops[shop].merchant.api_keys.get() for shop in shops}
    page = client.get(reverse("admin:merchants_apikey_changelist"))
    assert {row.pk for row in page.context["cl"].result_list} == {key.pk for key in keys.values()}
    action = {"action": "revoke", "_selected_action": [key.pk for key in keys.values()]}
    client.post(reverse("admin:merchants_apikey_changelist"), action)
    for key in keys.values():
        key.refresh_from_db()
    assert keys["Bob"].revoked_at is not None
    assert keys["Alice"].revoked_at is None
    offered = client.get(reverse("admin:merchants_apikey_add")).content.decode()
    assert "Bob" in offered
    assert "Alice" not in offered


def test_every_role_opens_exactly_what_it_is_granted(shops: dict[str, Shop], signed_in: SignIn) -> None:
    for role, member in shops["Bob"].members.items():
        client = signed_in(member)
        for model in registered():
            permission = f"{model._meta.app_label}.view_{model._meta.model_name}"
            granted = member.has_perm(permission) and _label(model) not in PLATFORMS
            answer = client.get(_url(model, "changelist"))
            assert answer.status_code == (200 if granted else 403), f"{role} {_label(model)}"
            rows = rows_of(model, shops["Bob"])
            if rows:
                answer = client.get(_url(model, "change", rows[0].pk))
                assert answer.status_code == (200 if granted else 403), f"{role} {_label(model)}"
    assert set(GRANTS) == set(shops["Bob"].members)


def test_a_superuser_opens_everything(shops: dict[str, Shop], root: User, signed_in: SignIn) -> None:
    client = signed_in(root)
    for model in registered():
        assert client.get(_url(model, "changelist")).status_code == 200, _label(model)
        for row in rows_of(model, shops["Alice"])[:1]:
            assert client.get(_url(model, "change", row.pk)).status_code == 200, _label(model)
        if admin.site._registry[model].has_add_permission(_as(root)):
            assert client.get(_url(model, "add")).status_code == 200, _label(model)


def _as(user: User) -> object:
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = user
    return request


@pytest.mark.parametrize("path", ["admin:index", "admin:reports", "admin:ledger_journalentry_changelist"])
def test_people_who_are_not_staff_are_sent_to_the_door(shops: dict[str, Shop], signed_in: SignIn, path: str) -> None:
    stranger = User.objects.create_user("stranger")
    Membership.objects.create(merchant=shops["Bob"].merchant, user=stranger, role=Membership.Role.ACCOUNTANT)
    for client in (Client(), signed_in(stranger)):
        answer = client.get(reverse(path))
        assert answer.status_code == 302
        assert "/login/" in answer.headers["Location"]


def test_threat_39_behind_the_filters_the_database_itself_shows_no_other_book(
    shops: dict[str, Shop], signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every filter gone: lists and single pages still show Bob's auditor what is Bob's."""
    auditor = shops["Bob"].members["auditor"]
    monkeypatch.setattr(scoping, "limit", lambda *_: Q())
    client = signed_in(auditor)
    for model in tenants_own():
        hers, his = ({row.pk for row in rows_of(model, shops[name])} for name in ("Alice", "Bob"))
        answer = client.get(_url(model, "changelist"))
        shown = {row.pk for row in answer.context["cl"].result_list}
        assert shown, _label(model)
        assert shown <= his, _label(model)
        for pk in list(hers - his)[:1]:
            assert client.get(_url(model, "change", pk)).status_code in (302, 403, 404), _label(model)


def test_a_request_is_one_transaction_that_a_fault_undoes(
    shops: dict[str, Shop], signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = []

    def rename_and_fail(request: HttpRequest, context: dict[str, Any]) -> None:
        renamed.append(Customer.objects.update(name="Mallory"))
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("cryptopay.backoffice.today.dashboard", rename_and_fail)
    client = signed_in(shops["Bob"].members["auditor"])
    client.raise_request_exception = False
    assert client.get(reverse("admin:index")).status_code == 500
    assert not Customer.objects.filter(name="Mallory").exists()
    assert renamed == [Customer.objects.filter(book=shops["Bob"].book).count()]


def tenants_own() -> list[type[Model]]:
    """Models with a page and a book of their own."""
    return [model for model in registered() if any(field.name == "book" for field in model._meta.concrete_fields)]
