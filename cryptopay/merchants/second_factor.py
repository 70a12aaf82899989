"""Who must show a second factor, and whether this session has.

Log-in asks for it (django-allauth). What is said here holds after log-in, on every page behind it, whatever way a
session came about: where a person has a second factor, one that never showed it opens nothing.
"""

from enum import Enum
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from cryptopay.merchants.models import Membership, User

_Role = Membership.Role
ROLES = frozenset({_Role.OWNER, _Role.ADMINISTRATOR, _Role.ACCOUNTANT, _Role.APPROVER})
"""Who names people, holds keys, or decides what another asked; superusers beside them."""
_SHOWN = "mfa"
"""What allauth notes in the session: a code, a passkey, or a recovery code."""


class Standing(Enum):
    """Of a session."""

    GOOD = "good"
    UNSHOWN = "unshown"
    """This person has a second factor, and this session did not show it."""
    MISSING = "missing"
    """This person must have one and has none."""


def standing(request: HttpRequest) -> Standing:
    """Of a person who has signed in. A session that showed its second factor costs no query."""
    user: Any = request.user
    if any(record.get("method") == _SHOWN for record in get_authentication_records(request, user)):
        return Standing.GOOD
    if has_one(user):
        return Standing.UNSHOWN
    return Standing.MISSING if settings.SECOND_FACTOR_REQUIRED and is_required_of(user) else Standing.GOOD


def detour(request: HttpRequest) -> HttpResponseRedirect | None:
    """Where a person who has signed in must go first; None: they may pass."""
    match standing(request):
        case Standing.GOOD:
            return None
        case Standing.UNSHOWN:
            return _sent(request, "mfa_reauthenticate")
    return _sent(request, "mfa_index")


def _sent(request: HttpRequest, name: str) -> HttpResponseRedirect:
    here = request.get_full_path() if request.method in ("GET", "HEAD") else reverse("people_home")
    return HttpResponseRedirect(f"{reverse(name)}?{urlencode({REDIRECT_FIELD_NAME: here})}")


def note_new(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Whoever has just made one has shown it; and was asked for any other they had before they could."""
    record_authentication(request, user, _SHOWN, id=authenticator.pk, type=authenticator.type)


def has_one(user: User) -> bool:
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return bool(Authenticator.objects.filter(user=user, type__in=kinds).exists())


def is_required_of(user: User) -> bool:
    """By role, at any merchant."""
    return user.is_superuser or user.memberships.filter(role__in=ROLES).exists()


def take_away(people: QuerySet[User]) -> None:
    """All of them, passkeys and recovery codes included."""
    Authenticator.objects.filter(user__in=people).delete()
