"""Who belongs to a merchant: invited by mail, given another role, removed.

    owners          name everybody, and nobody else names those who decide over money (`permissions.DECIDING`): a person
                    who keeps people, keys and endpoints cannot make the second of the two who must agree
    others          who keep people name roles whose every right they have themselves, and no more
    superusers      name everybody, as the first owner of a merchant that has none

Nobody changes their own role, and a merchant never loses its last owner so. Rules are asked again when an invitation
is accepted, for whoever invited may have been removed by then.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone

from cryptopay.merchants.errors import InvitationEnded, TeamRefused
from cryptopay.merchants.models import Invitation, Membership, Merchant, User
from cryptopay.merchants.permissions import DECIDING, permissions_of

INVITATION_LASTS = timedelta(days=7)
MOST_OPEN = 50
"""Invitations a merchant may have out at a time: each is a mail to whom they like."""
_SECRET_BYTES = 32
_KEEPS_PEOPLE = "merchants.add_membership"
Role = Membership.Role


def roles_at(user: User, merchant: Merchant) -> frozenset[str]:
    return frozenset(Membership.objects.filter(user=user, merchant=merchant).values_list("role", flat=True))


def keeps_people(user: User, merchant: Merchant) -> bool:
    """Whether this person sees and changes the merchant's team."""
    return user.is_superuser or _KEEPS_PEOPLE in permissions_of(roles_at(user, merchant))


def may_name(user: User, merchant: Merchant) -> list[str]:
    """The roles that this person may give and take there."""
    own = roles_at(user, merchant)
    if user.is_superuser or Role.OWNER in own:
        return list(Role.values)
    rights = permissions_of(own)
    if _KEEPS_PEOPLE not in rights:
        return []
    return [role for role in Role.values if role not in DECIDING and permissions_of([role]) <= rights]


@transaction.atomic
def invite(by: User, merchant: Merchant, email: str, role: str) -> tuple[Invitation, str]:
    """The invitation and the secret of its link; a former one for the same role ends. Raises `TeamRefused`."""
    _require(by, merchant, [role])
    address, now = email.lower(), timezone.now()
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    if Membership.objects.filter(merchant=merchant, role=role, user__emailaddress__email__iexact=address).exists():
        raise TeamRefused(f"{address} has that role already.", "/email")
    still_open = Invitation.objects.filter(merchant=merchant, ended_at=None)
    still_open.filter(email=address, role=role).update(ended_at=now)
    if still_open.filter(expires_at__gt=now).count() >= MOST_OPEN:
        raise TeamRefused(f"{MOST_OPEN} invitations are open. Withdraw one first.", "/email")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    made = Invitation.objects.create(
        merchant=merchant,
        email=address,
        role=role,
        secret_hash=_hash(secret),
        invited_by=by,
        expires_at=now + INVITATION_LASTS,
    )
    return made, secret


def invitation(secret: str) -> Invitation:
    """That can still be accepted. Raises `InvitationEnded`, not saying why."""
    found = Invitation.objects.filter(secret_hash=_hash(secret), ended_at=None, expires_at__gt=timezone.now())
    row = found.select_related("merchant", "invited_by").first()
    if row is None or row.role not in may_name(row.invited_by, row.merchant) or not row.invited_by.is_active:
        raise InvitationEnded("This invitation has ended. Ask for another one.")
    return row


@transaction.atomic
def accept(secret: str, user: User) -> Membership:
    """Makes whoever confirmed the invited address a member. Raises `InvitationEnded`."""
    Invitation.objects.select_for_update(no_key=True).filter(secret_hash=_hash(secret)).first()
    row = invitation(secret)
    if not EmailAddress.objects.filter(user=user, verified=True, email__iexact=row.email).exists():
        raise InvitationEnded(f"This invitation is for {row.email}. Sign in with that address.")
    Invitation.objects.filter(pk=row.pk).update(ended_at=timezone.now())
    member, _ = Membership.objects.get_or_create(merchant=row.merchant, user=user, role=row.role)
    if not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    return member


def withdraw(by: User, row: Invitation) -> None:
    """Raises `TeamRefused`."""
    _require(by, row.merchant, [row.role])
    Invitation.objects.filter(pk=row.pk, ended_at=None).update(ended_at=timezone.now())


@transaction.atomic
def change_role(by: User, member: Membership, role: str) -> None:
    """Raises `TeamRefused`: both roles must be theirs to name, and the member somebody else."""
    _change(by, member, [member.role, role])
    if Membership.objects.filter(merchant=member.merchant, user=member.user, role=role).exists():
        raise TeamRefused(f"{member.user} has that role already.", "/role")
    member.role = role
    member.save(update_fields=["role"])


@transaction.atomic
def remove(by: User, member: Membership) -> None:
    """The role is gone from the next request on. Raises `TeamRefused`."""
    _change(by, member, [member.role])
    member.delete()


def _change(by: User, member: Membership, roles: Iterable[str]) -> None:
    """One change of a merchant's team at a time, so that two owners do not remove each other."""
    Merchant.objects.select_for_update(no_key=True).get(pk=member.merchant_id)
    if member.user_id == by.pk and not by.is_superuser:
        raise TeamRefused("Nobody changes their own role. Ask another owner.", "/role")
    _require(by, member.merchant, roles)
    owners = Membership.objects.filter(merchant=member.merchant, role=Role.OWNER)
    if member.role == Role.OWNER and not by.is_superuser and owners.count() == 1:
        raise TeamRefused("This is the last owner. Name another one first.", "/role")


def _require(by: User, merchant: Merchant, roles: Iterable[str]) -> None:
    allowed = may_name(by, merchant)
    for role in roles:
        if role not in allowed:
            named = str(Role(role).label).partition(":")[0] if role in Role.values else role
            raise TeamRefused(f"Your own roles do not let you give or take the role {named}.", "/role")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
