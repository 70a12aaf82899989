"""Roles: Alice's people, Bob's people, and Charlie who belongs to nobody."""

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission
from pytest_django import DjangoAssertNumQueries

from cryptopay.merchants import api_keys
from cryptopay.merchants.models import Membership, Merchant, User
from cryptopay.merchants.onboarding import create_merchant, customer
from cryptopay.merchants.permissions import GRANTS, books_of
from ledger.models import Book

pytestmark = pytest.mark.django_db
Role = Membership.Role
MONEY_ROOMS = {"ledger", "payments", "monitor", "reports"}


@pytest.fixture
def alice(db: None) -> Merchant:
    return create_merchant("Alice's")


@pytest.fixture
def bob(db: None) -> Merchant:
    return create_merchant("Bob's")


def person(role: str | None = None, merchant: Merchant | None = None, **options: bool) -> User:
    made = User.objects.create_user(f"user{User.objects.count()}", **{"is_staff": True, **options})
    if role and merchant:
        Membership.objects.create(merchant=merchant, user=made, role=role)
    return get_user_model().objects.get(pk=made.pk)


def test_every_role_has_grants_and_every_grant_names_something() -> None:
    assert set(GRANTS) == set(Role.values)
    rooms = {config.label for config in apps.get_app_configs()}
    for patterns in GRANTS.values():
        for pattern in patterns:
            room, _, codename = pattern.partition(".")
            assert room == "*" or room in rooms
            assert codename.partition("_")[0] in {"view", "add", "change", "export", "cancel", "mark", "*"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_readers_change_nothing(alice: Merchant, role: str) -> None:
    granted = person(role, alice).get_all_permissions()
    assert granted
    assert all(".view_" in name for name in granted)


@pytest.mark.parametrize(
    ("role", "writes"),
    [
        (
            Role.ACCOUNTANT,
            {
                "ledger.add_costmethod",
                "ledger.add_proposal",
                "ledger.add_decision",
                "ledger.add_rate",
                "payments.cancel_invoice",
                "payments.mark_invoice",
            },
        ),
        (Role.APPROVER, {"ledger.add_decision"}),
    ],
)
def test_the_books_are_written_by_asking_and_deciding_alone(alice: Merchant, role: str, writes: set[str]) -> None:
    assert {name for name in person(role, alice).get_all_permissions() if ".view_" not in name} == writes


def test_an_auditor_reads_everything(alice: Merchant) -> None:
    every = {name for name in person(is_superuser=True).get_all_permissions() if ".view_" in name}
    assert person(Role.AUDITOR, alice).get_all_permissions() == every


def test_an_administrator_keeps_people_keys_and_endpoints_and_sees_no_money(alice: Merchant) -> None:
    granted = person(Role.ADMINISTRATOR, alice).get_all_permissions()
    assert granted >= {
        *("merchants.add_membership", "merchants.delete_membership", "merchants.add_apikey"),
        *("keys.add_masterkey", "webhooks.add_endpoint", "webhooks.change_endpoint"),
    }
    of_money = {name for name in granted if name.partition(".")[0] in MONEY_ROOMS}
    limit = {"ledger.view_book", "ledger.change_book"}  # above which a second person must approve
    assert of_money == limit | {"payments.view_terms", "payments.add_terms", "payments.change_terms"}
    assert "merchants.change_user" not in granted, "a password changed is an identity taken"


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (Role.VIEWER, "payments.view_invoice", "ledger.view_journalentry"),
        (Role.CASHIER, "payments.add_invoice", "payments.change_invoice"),
        (Role.ACCOUNTANT, "ledger.view_journalentry", "ledger.change_rate"),
        (Role.APPROVER, "payments.view_payment", "webhooks.change_endpoint"),
        (Role.AUDITOR, "keys.view_masterkey", "keys.add_masterkey"),
        (Role.AUDITOR, "keys.view_keyexport", "keys.export_masterkey"),
        (Role.ADMINISTRATOR, "merchants.change_apikey", "payments.view_invoice"),
    ],
)
def test_what_a_role_may(alice: Merchant, role: str, may: str, may_not: str) -> None:
    user = person(role, alice)
    assert user.has_perm(may)
    assert not user.has_perm(may_not)
    assert user.has_module_perms(may.partition(".")[0])


def test_two_roles_add_up(alice: Merchant) -> None:
    user = person(Role.CASHIER, alice)
    Membership.objects.create(merchant=alice, user=user, role=Role.ACCOUNTANT)
    assert user.has_perms(["payments.add_invoice", "ledger.view_account"])


def test_threat_39_a_role_counts_at_its_own_merchant(alice: Merchant, bob: Merchant) -> None:
    """Administrator at Alice's, viewer at Bob's: at Bob's they change nothing."""
    user = person(Role.ADMINISTRATOR, alice)
    Membership.objects.create(merchant=bob, user=user, role=Role.VIEWER)
    alices, _ = api_keys.create(alice, "shop", live=False, scopes=["invoices:read"])
    bobs, _ = api_keys.create(bob, "shop", live=False, scopes=["invoices:read"])
    assert user.has_perm("merchants.change_apikey", alices)
    assert not user.has_perm("merchants.change_apikey", bobs)
    assert not user.has_perm("merchants.view_customer", customer(alice.test_book, "c-1"))
    assert user.has_perm("merchants.view_customer", customer(bob.live_book, "c-1"))
    assert not user.has_perm("merchants.view_merchant", bob)
    assert "merchants.change_apikey" not in user.get_all_permissions(bobs)
    colleague, stranger = person(Role.VIEWER, alice), person(Role.VIEWER, bob)
    assert user.has_perm("merchants.view_user", colleague)
    assert not user.has_perm("merchants.view_user", stranger)


def test_threat_39_books_are_those_of_ones_merchants(alice: Merchant, bob: Merchant) -> None:
    user, charlie = person(Role.VIEWER, alice), person()
    assert set(books_of(user)) == {alice.live_book, alice.test_book}
    for outsider in (charlie, AnonymousUser()):
        assert not books_of(outsider).exists()
    chief = person(is_superuser=True)
    assert set(books_of(chief)) == set(Book.objects.all())


@pytest.mark.parametrize("options", [{"is_staff": False}, {"is_active": False}])
def test_who_may_not_sign_in_may_nothing(alice: Merchant, options: dict[str, bool]) -> None:
    user = person(Role.AUDITOR, alice, **options)
    assert user.get_all_permissions() == set()
    assert not user.has_perm("payments.view_invoice")
    assert not user.has_module_perms("payments")
    assert not books_of(user).exists()


def test_a_superuser_who_left_may_nothing(alice: Merchant) -> None:
    user = person(is_superuser=True, is_active=False)
    assert not user.has_perm("payments.view_invoice")
    assert not books_of(user).exists()


def test_djangos_own_tables_grant_nothing(alice: Merchant) -> None:
    user = person(Role.VIEWER, alice)
    user.user_permissions.set(Permission.objects.all())
    assert not get_user_model().objects.get(pk=user.pk).has_perm("ledger.view_account")


def test_memberships_are_asked_for_once_a_request(
    alice: Merchant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    user = person(Role.ACCOUNTANT, alice)
    with django_assert_num_queries(1):
        for _ in range(3):
            user.has_perm("ledger.view_account")
            user.has_module_perms("ledger")
            user.get_all_permissions()
            books_of(user)
