"""The team's page: who belongs to a merchant, who is invited; and the link by which somebody joins."""

from typing import cast

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from cryptopay.merchants import team
from cryptopay.merchants.errors import InvitationEnded, TeamRefused
from cryptopay.merchants.models import Invitation, Membership, Merchant, User
from cryptopay.people.adapter import INVITATION
from cryptopay.people.doors import signed_in

_WORDS = {role: str(label).partition(":") for role, label in Membership.Role.choices}


class InviteForm(forms.Form):
    """To whom, as what."""

    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(label="Role")

    def __init__(self, *args: object, roles: list[str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        cast(forms.ChoiceField, self.fields["role"]).choices = [
            (role, Membership.Role(role).label) for role in sorted(roles, key=list(Membership.Role.values).index)
        ]


def merchants_kept_by(user: User) -> list[Merchant]:
    """Those whose people this person keeps; a superuser keeps them all."""
    if user.is_superuser:
        return list(Merchant.objects.order_by("name"))
    mine = Merchant.objects.filter(memberships__user=user).distinct().order_by("name")
    return [merchant for merchant in mine if team.keeps_people(user, merchant)]


@signed_in
def page(request: HttpRequest, merchant_id: int | None = None) -> HttpResponse:
    """One merchant's team, and the form that invites."""
    user = cast(User, request.user)
    kept = merchants_kept_by(user)
    if not kept:
        return render(request, "people/no_team.html", status=403)
    merchant = next((one for one in kept if merchant_id in (None, one.pk)), None)
    if merchant is None:
        raise Http404
    roles = team.may_name(user, merchant)
    form = InviteForm(request.POST or None, roles=roles)
    if form.is_valid() and _invited(request, user, merchant, form):
        return redirect("people_team_of", merchant.pk)
    context = {
        "merchant": merchant,
        "kept": kept if len(kept) > 1 else [],
        "members": [_shown(member, roles, user) for member in _members(merchant)],
        "invitations": [(row, row.role in roles, _word(row.role)) for row in _still_open(merchant)],
        "form": form if roles else None,
        "roles": [(role, _word(role)) for role in roles],
    }
    return render(request, "people/team.html", context)


def _members(merchant: Merchant) -> QuerySet[Membership]:
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    factor = Authenticator.objects.filter(user=OuterRef("user"), type__in=kinds)
    rows = Membership.objects.filter(merchant=merchant).select_related("user", "merchant")
    return rows.annotate(has_factor=Exists(factor)).order_by("user__username", "role")


def _shown(member: Membership, roles: list[str], user: User) -> dict[str, object]:
    changeable = member.role in roles and (member.user_id != user.pk or user.is_superuser)
    _, _, may = _WORDS[member.role]
    return {"row": member, "role": _word(member.role), "may": may.strip(), "changeable": changeable}


def _word(role: str) -> str:
    return _WORDS[role][0]


def _still_open(merchant: Merchant) -> QuerySet[Invitation]:
    rows = Invitation.objects.filter(merchant=merchant, ended_at=None, expires_at__gt=timezone.now())
    return rows.select_related("invited_by").order_by("email")


def _invited(request: HttpRequest, user: User, merchant: Merchant, form: InviteForm) -> bool:
    try:
        row, secret = team.invite(user, merchant, form.cleaned_data["email"], form.cleaned_data["role"])
    except TeamRefused as refused:
        form.add_error(refused.pointer.removeprefix("/"), str(refused))
        return False
    link = f"{settings.PUBLIC_URL}{reverse('people_invitation', args=[secret])}"
    context = {"invitation": row, "link": link, "role": _word(row.role), "days": team.INVITATION_LASTS.days}
    get_adapter().send_mail("people/email/invitation", row.email, context)
    messages.success(request, f"An invitation went to {row.email}.")
    return True


@require_POST
@signed_in
def change(request: HttpRequest, member_id: int) -> HttpResponse:
    """Another role for a member, or none."""
    user = cast(User, request.user)
    member = get_object_or_404(Membership.objects.select_related("user", "merchant"), pk=member_id)
    if not team.keeps_people(user, member.merchant):
        raise Http404
    try:
        if "remove" in request.POST:
            team.remove(user, member)
        else:
            team.change_role(user, member, request.POST.get("role", ""))
        messages.success(request, f"{member.user}: done.")
    except TeamRefused as refused:
        messages.error(request, str(refused))
    return redirect("people_team_of", member.merchant_id)


@require_POST
@signed_in
def withdraw(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """An invitation that nobody has accepted."""
    user = cast(User, request.user)
    row = get_object_or_404(Invitation.objects.select_related("merchant"), pk=invitation_id)
    if not team.keeps_people(user, row.merchant):
        raise Http404
    try:
        team.withdraw(user, row)
        messages.success(request, f"The invitation of {row.email} is withdrawn.")
    except TeamRefused as refused:
        messages.error(request, str(refused))
    return redirect("people_team_of", row.merchant_id)


@never_cache
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """The link of the mail. It opens sign-up; that the address is theirs, people prove as everybody does."""
    try:
        row = team.invitation(secret)
        if request.method == "POST" and request.user.is_authenticated:
            return _joined(request, secret)
    except InvitationEnded as ended:
        return render(request, "people/invitation_ended.html", {"why": str(ended)}, status=410)
    known = EmailAddress.objects.filter(email__iexact=row.email, verified=True).exists()
    if not request.user.is_authenticated:
        request.session[INVITATION] = secret
    context = {"invitation": row, "role": _word(row.role), "may": _WORDS[row.role][2].strip(), "known": known}
    return render(request, "people/invitation.html", context)


def _joined(request: HttpRequest, secret: str) -> HttpResponse:
    member = team.accept(secret, cast(User, request.user))
    request.session.pop(INVITATION, None)
    messages.success(request, f"Welcome at {member.merchant}.")
    return redirect("people_home")
