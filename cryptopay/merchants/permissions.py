"""Who may do what in the back office. Permissions follow from memberships alone, never from Django's own tables.

A permission without an object asks "at any of my merchants?" and opens a section; which rows stand there follows from
`books_of`. A permission with an object asks at the object's own merchant.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

from allauth.account.auth_backends import AuthenticationBackend
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, Q, QuerySet

from cryptopay.merchants.models import ApiKey, Membership, Merchant, User
from ledger.models import Book

_Role = Membership.Role

_SALES = frozenset(
    {
        *("payments.view_*", "merchants.view_customer"),
        *("monitor.view_deposit", "monitor.view_cursor", "monitor.view_watch"),
    }
)
_BOOKS = frozenset({"ledger.view_*", "reports.view_*", "monthend.view_*", "monitor.view_reconciliation"})

GRANTS: dict[str, frozenset[str]] = {
    _Role.VIEWER: _SALES,
    _Role.CASHIER: _SALES | {"payments.add_invoice", "payments.cancel_invoice", "merchants.add_customer"},
    _Role.ACCOUNTANT: _SALES
    | _BOOKS
    | {
        "ledger.add_proposal",
        "ledger.add_decision",
        "ledger.add_rate",
        "ledger.add_costmethod",
        "payments.cancel_invoice",
        "payments.mark_invoice",
    },
    _Role.APPROVER: _SALES | _BOOKS | {"ledger.add_decision"},
    _Role.AUDITOR: frozenset({"*.view_*"}),
    _Role.ADMINISTRATOR: frozenset(
        {
            *("merchants.view_user", "merchants.view_merchant", "merchants.change_merchant", "merchants.*_membership"),
            *("merchants.view_apikey", "merchants.add_apikey", "merchants.change_apikey"),
            *("webhooks.view_*", "webhooks.add_endpoint", "webhooks.change_endpoint", "webhooks.change_delivery"),
            *("keys.view_*", "keys.add_masterkey", "keys.change_masterkey", "keys.export_masterkey"),
            *("ledger.view_book", "ledger.change_book"),
            *("payments.view_terms", "payments.add_terms", "payments.change_terms"),
        }
    ),
}
"""Role -> patterns of `app.codename`. An administrator moves no money; viewers and auditors change nothing.

Whatever people write into the books is a proposal, carried out at once where the book's limit allows. An accountant
asks, and decides what others asked; an approver decides. What a book's limit is, an administrator says.

Who opens invoices cancels them while nothing was paid. Marking one settled has goods shipped and income booked: that is
the accountant's.
"""
GRANTS[_Role.OWNER] = frozenset().union(*GRANTS.values())


DECIDING = frozenset({_Role.OWNER, _Role.ACCOUNTANT, _Role.APPROVER})
"""Roles that may be the second of two people over money."""


SCOPES_OF_MONEY = {
    ApiKey.Scope.LEDGER_WRITE: "ledger.add_proposal",
    ApiKey.Scope.INVOICES_MARK: "payments.mark_invoice",
    ApiKey.Scope.RATES_WRITE: "ledger.add_rate",
}
"""What writes into the books, and the permission it takes: nobody makes a program do what they may not do themselves.
The database holds whoever makes a key to it, too (`key_within_its_makers_role`)."""


def scopes_given_by(user: User, merchant: Merchant) -> list[str]:
    """The scopes of a key that this person may make there."""
    lacking = {scope for scope, name in SCOPES_OF_MONEY.items() if not user.has_perm(name, merchant)}
    return [scope for scope in ApiKey.Scope.values if scope not in lacking]


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """By name; what these roles grant together."""
    patterns = frozenset().union(*(GRANTS[role] for role in roles))
    return frozenset(name for name in _every_permission() if any(fnmatchcase(name, each) for each in patterns))


class _Seat(NamedTuple):
    """One membership: what the user may do at which merchant."""

    merchant_id: int
    book_ids: frozenset[int]
    grants: frozenset[str]


class RoleBackend(AuthenticationBackend):
    """Who somebody is, by name or address and password; an unknown name costs the same time as a wrong password.

    Permissions follow from memberships, for people who may enter the back office (`is_staff`). Superusers: all.
    """

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        if not user_obj.is_active:
            return False
        seats = (seat for seat in _seats(user_obj) if _concerns(seat, obj))
        return bool(user_obj.is_superuser) or any(_grants(seat.grants, perm) for seat in seats)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        of_the_app = (name for name in _every_permission() if name.startswith(f"{app_label}."))
        return any(self.has_perm(user_obj, name) for name in of_the_app)

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """By name, at any merchant, or at the one `obj` belongs to."""
        return {name for name in _every_permission() if self.has_perm(user_obj, name, obj)}

    def get_user_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        return self.get_all_permissions(user_obj, obj)

    def get_group_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        return set()


def books_of(user: User | AnonymousUser) -> QuerySet[Book]:
    """The books whose rows this person may be shown: the live and test books of their merchants. Superusers: all."""
    if user.is_active and user.is_superuser:
        return Book.objects.all()
    return Book.objects.filter(pk__in=book_ids_of(user))


def book_ids_of(user: User | AnonymousUser) -> set[int]:
    """Of this person's merchants, by membership alone. Asks for no row of a book."""
    return {book_id for seat in _seats(user) for book_id in seat.book_ids}


def _seats(user: Any) -> list[_Seat]:
    """Asked once a request: the user object lives as long as one."""
    if not isinstance(user, User) or not user.is_active or not user.is_staff:
        return []
    seats: list[_Seat] | None = getattr(user, "_seats_of_this_request", None)
    if seats is None:
        rows = Membership.objects.filter(Q(user=user)).select_related("merchant")
        seats = [
            _Seat(
                row.merchant_id,
                frozenset({row.merchant.live_book_id, row.merchant.test_book_id}),
                GRANTS.get(row.role, frozenset()),
            )
            for row in rows
        ]
        user._seats_of_this_request = seats  # type: ignore[attr-defined]
    return seats


@lru_cache(maxsize=10_000)
def _grants(patterns: frozenset[str], permission: str) -> bool:
    """Of few roles and few permissions, and each page asks for many."""
    return any(fnmatchcase(permission, pattern) for pattern in patterns)


def _concerns(seat: _Seat, obj: Model | None) -> bool:
    """Whether the object belongs to the merchant. Rows of no tenant (an asset, a chain's cursor) concern everyone."""
    match obj:
        case None:
            return True
        case Merchant():
            return obj.pk == seat.merchant_id
        case Book():
            return obj.pk in seat.book_ids
        case User():
            return obj.memberships.filter(merchant_id=seat.merchant_id).exists()
    merchant_id, book_id = getattr(obj, "merchant_id", None), getattr(obj, "book_id", None)
    if merchant_id is not None:
        return bool(merchant_id == seat.merchant_id)
    return book_id is None or book_id in seat.book_ids


def _every_permission() -> set[str]:
    names = set()
    for model in apps.get_models():
        meta = model._meta
        names |= {f"{meta.app_label}.{action}_{meta.model_name}" for action in meta.default_permissions}
        names |= {f"{meta.app_label}.{codename}" for codename, _ in meta.permissions}
    return names
