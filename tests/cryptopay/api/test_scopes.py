"""What each key opens: one layer decides, for every door and every scope there is."""

from django.test import Client
from django.urls import reverse

from cryptopay.api.authentication import ANY_KEY
from cryptopay.merchants.models import ApiKey, User
from tests.cryptopay.api.conftest import Caller, code
from tests.cryptopay.api.test_outsiders import DOORS, OPEN_TO_ALL, ids

__all__ = ["ids"]

GUARDED = [
    (door, method, scope)
    for door in DOORS
    if door.name not in OPEN_TO_ALL
    for method, scope in door.view.scopes.items()  # type: ignore[attr-defined]
    if scope != ANY_KEY
]


def test_threat_40_without_its_scope_a_door_stays_shut(alice: Caller, ids: dict[str, str]) -> None:
    """A key with every right but this one is refused; a key with this one alone is let in, whatever it then hears."""
    every = {scope for _, _, scope in GUARDED}
    without = {scope: Caller(alice.merchant, scopes=[*every - {scope}]) for scope in every}
    alone = {scope: Caller(alice.merchant, scopes=[scope]) for scope in every}
    for door, method, scope in GUARDED:
        request = {"body": {}, "headers": {"idempotency-key": f"{method} {door.name}"}}
        refused = without[scope].send(method, door.path(ids), **request)  # type: ignore[arg-type]
        assert (refused.status_code, code(refused)) == (403, "scope_missing"), (door, method)
        assert scope in refused.json()["detail"], (door, method)  # type: ignore[attr-defined]
        answer = alone[scope].send(method, door.path(ids), **request)  # type: ignore[arg-type]
        assert answer.status_code < 300 or code(answer) != "scope_missing", (door, method)


def test_threat_40_every_scope_opens_something() -> None:
    assert {scope for _, _, scope in GUARDED} == {*ApiKey.Scope.values}


def test_threat_40_a_person_who_is_signed_in_opens_no_door_of_the_api(alice: Caller, ids: dict[str, str]) -> None:
    person = Client()
    person.force_login(User.objects.create_superuser("root", password=None))
    assert person.get(reverse("admin:index")).status_code == 200
    for door in DOORS:
        if door.name not in OPEN_TO_ALL:
            answer = person.get(door.path(ids)) if "GET" in door.methods else person.post(door.path(ids))
            assert (answer.status_code, code(answer)) == (401, "api_key_missing"), door


def test_threat_40_a_key_opens_no_page_for_people(alice: Caller) -> None:
    for name in ("admin:index", "admin:merchants_apikey_changelist", "admin:merchants_apikey_add"):
        answer = Client().get(reverse(name), headers={"authorization": f"Bearer {alice.secret}"})
        assert answer.status_code == 302
        assert reverse("admin:login") in answer.headers["Location"]
