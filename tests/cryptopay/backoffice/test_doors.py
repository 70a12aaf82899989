"""Every address, action and offer of the back office, in every role, asked for another merchant's things.

What stands on the pages of a model (list, change, history, delete) is tried in `test_scoping`. Here is everything else,
read off the site: an address that takes something new, or one of another shape, fails until its entry is made.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from cryptopay.merchants.models import User
from reports.registry import REPORTS

from .conftest import Shop, registered, rows_of, unassigned
from .test_scoping import PLATFORMS, SignIn

OF_EVERY_MODEL = ("changelist", "add", "history", "delete", "change")
OPEN_TO_ALL = {"login", "logout", "jsi18n", "password_change", "password_change_done", "handbook", "handbook_picture"}
"""They show nothing of anybody's books."""
NAMED: dict[str, list[dict[str, str]]] = {
    "report": [{"name": name} for name in REPORTS],
    "app_list": [{"app_label": label} for label in sorted({model._meta.app_label for model in admin.site._registry})],
}
"""Addresses that take a word: all the words there are."""
OF_THE_PLATFORM = {"rate_source": {"name": "kraken"}}
"""What is everybody's, its operators alone may change."""
ASKED = ("?as=csv", "?q=Alice&search=Alice&term=Alice")


def _routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route, pattern


def _doors() -> dict[str, str]:
    """Name -> route of everything under /admin/ that is not a page every model has."""
    usual = {
        f"{model._meta.app_label}_{model._meta.model_name}_{page}" for model in registered() for page in OF_EVERY_MODEL
    }
    return {
        str(pattern.name): route
        for route, pattern in _routes(get_resolver().url_patterns)
        if route.startswith("admin/") and pattern.name and pattern.name not in usual
    }


DOORS = _doors()
OF_A_ROW = {name: route.split("/")[1:3] for name, route in DOORS.items() if re.search("<(path:object_)?id>", route)}
"""Name -> room and model; they take a row's id and nothing else."""
OF_NOTHING = [name for name, route in DOORS.items() if "<" not in route and name not in OPEN_TO_ALL]


@pytest.fixture
def shops(shops: dict[str, Shop]) -> dict[str, Shop]:
    """With a row of what few shops have, too."""
    for name, shop in shops.items():
        unassigned(shop, name)
    return shops


def test_every_door_is_known() -> None:
    for name, route in DOORS.items():
        taken = route.count("<")
        known = name in (*OPEN_TO_ALL, *NAMED, *OF_NOTHING, *OF_THE_PLATFORM) or (name in OF_A_ROW and taken == 1)
        assert known, f"Nobody tried to reach another merchant's things at {route}"
    assert len(OF_A_ROW) >= 6
    assert len(OF_NOTHING) >= 9


def test_threat_39_nothing_of_anothers_row_at_any_door(shops: dict[str, Shop], signed_in: SignIn) -> None:
    hers = everything_of(shops["Alice"])
    for role, member in shops["Bob"].members.items():
        client = signed_in(member)
        for name, (room, kind) in OF_A_ROW.items():
            model = apps.get_model(room, kind)
            rows = [*shops["Alice"].members.values()] if model is User else rows_of(model, shops["Alice"])
            assert rows, f"{name}: the stage has no row of it"
            for method in (client.get, client.post):
                answer = method(reverse(f"admin:{name}", args=[rows[0].pk]))
                gone = answer.status_code in (403, 404) or answer.headers.get("Location") == reverse("admin:index")
                assert gone, f"{role} {name} {answer.status_code}"
                assert "Alice" not in answer.content.decode(), f"{role} {name}"
    assert everything_of(shops["Alice"]) == hers


def test_threat_39_no_member_changes_what_is_everybodys(shops: dict[str, Shop], signed_in: SignIn) -> None:
    for role, member in shops["Bob"].members.items():
        for name, words in OF_THE_PLATFORM.items():
            answer = signed_in(member).post(reverse(f"admin:{name}", kwargs=words), {})
            assert answer.status_code == 403, f"{role} {name}"


def test_threat_39_pages_of_no_row_show_nothing_of_anothers(shops: dict[str, Shop], signed_in: SignIn) -> None:
    """Pages, searches, reports and their downloads."""
    addresses = [reverse(f"admin:{name}") for name in OF_NOTHING]
    addresses += [reverse(f"admin:{name}", kwargs=words) for name, all_words in NAMED.items() for words in all_words]
    opened: set[str] = set()
    for role, member in shops["Bob"].members.items():
        client = signed_in(member)
        for address in addresses:
            for query in ASKED:
                answer = client.get(address + query)
                assert answer.status_code < 500, f"{role} {address}{query}"
                shown = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
                assert b"Alice" not in shown.replace(b"q=Alice", b"").replace(b'value="Alice"', b""), (
                    f"{role} {address}{query}"
                )
                opened |= {address} if answer.status_code == 200 else set()
    assert len(opened) >= len(addresses) - 2, f"nobody may open {set(addresses) - opened}"


def test_threat_39_no_action_reaches_anothers_row(shops: dict[str, Shop], signed_in: SignIn) -> None:
    tried = []
    hers = everything_of(shops["Alice"])
    for member in shops["Bob"].members.values():
        client = signed_in(member)
        for model, page in admin.site._registry.items():
            rows = rows_of(model, shops["Alice"]) or list(model._default_manager.all()[:2])
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            for action in _actions(page):
                chosen = {"action": action, "_selected_action": [row.pk for row in rows], "post": "yes"}
                assert client.post(address, chosen).status_code in (200, 302, 403)
                tried.append(action)
    assert everything_of(shops["Alice"]) == hers
    assert {"revoke", "rotate", "disable", "send_again"} <= set(tried)


def test_threat_39_no_field_offers_anothers_row(shops: dict[str, Shop], signed_in: SignIn) -> None:
    """By the site's one address that completes what a person types, for every relation there is."""
    administrator = signed_in(shops["Bob"].members["administrator"])
    for model in registered():
        for relation in model._meta.concrete_fields:
            if relation.related_model not in admin.site._registry:
                continue
            asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name or ""}
            answer = administrator.get(
                reverse("admin:autocomplete"), {**asked, "field_name": relation.name, "term": "Alice"}
            )
            assert answer.status_code in (200, 403)
            assert "Alice" not in answer.content.decode(), f"{model._meta.label}.{relation.name}"


def everything_of(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """Her rows and the platform's, as they stand."""
    found: dict[str, list[dict[str, Any]]] = {}
    for model in registered():
        pks = [row.pk for row in rows_of(model, shop)]
        rows = model._default_manager.all() if _is_everyones(model) else model._default_manager.filter(pk__in=pks)
        found[model._meta.label] = list(rows.order_by("pk").values())
    return found


def _is_everyones(model: type[Model]) -> bool:
    return model._meta.label_lower in PLATFORMS - {"merchants.user"}


def _actions(page: ModelAdmin[Any]) -> list[str]:
    """All that the page knows, whoever may use them."""
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    return list(page.get_actions(request))
