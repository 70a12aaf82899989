"""The team: who may name whom, and how somebody joins."""

from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cryptopay.merchants import team
from cryptopay.merchants.errors import InvitationEnded, TeamRefused
from cryptopay.merchants.models import Invitation, Membership, Merchant, User
from cryptopay.merchants.onboarding import create_merchant
from cryptopay.merchants.permissions import DECIDING, GRANTS

from .conftest import PASSWORD, code_in, person, sign_in, who

pytestmark = pytest.mark.django_db
Role = Membership.Role


@pytest.fixture
def owner(alice: Merchant) -> User:
    return person("olga", alice, Role.OWNER)


@pytest.fixture
def administrator(alice: Merchant) -> User:
    return person("adam", alice, Role.ADMINISTRATOR)


def link_in(mail: EmailMessage) -> str:
    (link,) = [word for word in str(mail.body).split() if "/invitations/" in word]
    return link.partition(":8000")[2]


def also(user: User, merchant: Merchant, role: str) -> None:
    Membership.objects.create(merchant=merchant, user=user, role=role)


def test_every_role_that_decides_over_money_is_an_owners_to_name() -> None:
    deciding = {role for role, grants in GRANTS.items() if "ledger.add_decision" in grants}
    assert deciding == set(DECIDING)


def test_nobody_but_an_owner_makes_the_second_of_two_people(alice: Merchant, owner: User, administrator: User) -> None:
    """Whatever roles an administrator holds beside: who keeps people is never alone with the books."""
    also(administrator, alice, Role.ACCOUNTANT)
    also(administrator, alice, Role.APPROVER)
    for role in DECIDING:
        with pytest.raises(TeamRefused):
            team.invite(administrator, alice, "friend@example.com", role)
    friend = person("friend", alice, Role.ADMINISTRATOR)
    member = Membership.objects.get(user=friend)
    with pytest.raises(TeamRefused):
        team.change_role(administrator, member, Role.APPROVER)
    made, secret = team.invite(owner, alice, friend.email, Role.APPROVER)
    assert team.accept(secret, friend).role == Role.APPROVER
    assert made.invited_by == owner


@pytest.mark.parametrize(
    ("beside", "named"),
    [
        ((), {Role.ADMINISTRATOR}),
        ((Role.VIEWER,), {Role.ADMINISTRATOR, Role.VIEWER}),
        ((Role.CASHIER,), {Role.ADMINISTRATOR, Role.VIEWER, Role.CASHIER}),
        ((Role.AUDITOR,), {Role.ADMINISTRATOR, Role.VIEWER, Role.AUDITOR}),
    ],
)
def test_others_give_no_more_than_they_have(
    alice: Merchant, administrator: User, beside: tuple[str, ...], named: set[str]
) -> None:
    for role in beside:
        also(administrator, alice, role)
    assert set(team.may_name(administrator, alice)) == named


def test_who_keeps_no_people_names_nobody(alice: Merchant) -> None:
    for role in set(Role.values) - {Role.OWNER, Role.ADMINISTRATOR}:
        assert team.may_name(person(role, alice, role), alice) == []


def test_threat_39_a_role_elsewhere_names_nobody_here(alice: Merchant, owner: User) -> None:
    bobs = create_merchant("Bob's")
    stranger = person("bob", bobs, Role.OWNER)
    assert team.may_name(stranger, alice) == []
    client = Client()
    client.force_login(stranger)
    row, _ = team.invite(owner, alice, "new@example.com", Role.VIEWER)
    for path in (
        reverse("people_team_of", args=[alice.pk]),
        reverse("people_member", args=[Membership.objects.get(user=owner).pk]),
        reverse("people_withdraw", args=[row.pk]),
    ):
        assert client.post(path, {"email": "x@example.com", "role": "viewer", "remove": "1"}).status_code == 404
    assert "Alice" not in client.get(reverse("people_team")).content.decode()
    assert Membership.objects.filter(user=owner).exists()


def test_nobody_changes_their_own_role_and_the_last_owner_stays(alice: Merchant, owner: User) -> None:
    mine = Membership.objects.get(user=owner)
    for attempt in (lambda: team.change_role(owner, mine, Role.VIEWER), lambda: team.remove(owner, mine)):
        with pytest.raises(TeamRefused):
            attempt()
    second = person("second", alice, Role.OWNER)
    team.remove(second, mine)
    with pytest.raises(TeamRefused):
        team.remove(owner, Membership.objects.get(user=second))


def test_a_newcomer_joins_by_the_link(
    alice: Merchant, owner: User, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    settings.SIGN_UP_OPEN = False
    client = Client()
    client.force_login(owner)
    client.post(reverse("people_team_of", args=[alice.pk]), {"email": "New@example.com", "role": Role.CASHIER})
    link, newcomer = link_in(mailoutbox[0]), Client()
    assert "Sign up to join" in newcomer.get(link).content.decode()
    form = {"email": "new@example.com", "password1": PASSWORD, "next": link}
    newcomer.post(reverse("account_signup"), form)
    confirm = reverse("account_email_verification_sent")
    assert newcomer.post(confirm, {"code": code_in(mailoutbox[1])}).headers["Location"] == link
    newcomer.post(link)
    assert newcomer.get(reverse("admin:index")).status_code == 200
    assert Membership.objects.get(user__username="new@example.com").role == Role.CASHIER
    assert newcomer.get(link).status_code == 410, "a link joins one person once"


def test_the_link_opens_no_account_for_another_address(
    alice: Merchant, owner: User, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    settings.SIGN_UP_OPEN = False
    _, secret = team.invite(owner, alice, "new@example.com", Role.OWNER)
    link, thief = reverse("people_invitation", args=[secret]), Client()
    thief.get(link)
    thief.post(reverse("account_signup"), {"email": "thief@example.com", "password1": PASSWORD, "next": link})
    assert who(thief) is None, "that address must be confirmed by a code"
    mallory = person("mallory", staff=False)
    member = Client()
    sign_in(member, "mallory")
    answer = member.post(link)
    assert (answer.status_code, "is for new@example.com" in answer.content.decode()) == (410, True)
    assert not Membership.objects.filter(user=mallory).exists()


def test_an_invitation_ends(alice: Merchant, owner: User) -> None:
    person("new")
    user = User.objects.get(username="new")

    def ended(change: object) -> None:
        _, secret = team.invite(owner, alice, user.email, Role.VIEWER)
        change(Invitation.objects.get(ended_at=None))  # type: ignore[operator]
        with pytest.raises(InvitationEnded):
            team.accept(secret, user)
        Invitation.objects.all().delete()

    ended(lambda row: team.withdraw(owner, row))
    ended(lambda row: Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1)))
    ended(lambda row: team.invite(owner, alice, user.email, Role.VIEWER))
    person("other", alice, Role.OWNER)
    ended(lambda row: Membership.objects.filter(user=owner).delete())
    assert not Membership.objects.filter(user=user).exists()


def test_only_so_many_mails_go_out(alice: Merchant, owner: User) -> None:
    for number in range(team.MOST_OPEN):
        team.invite(owner, alice, f"{number}@example.com", Role.VIEWER)
    with pytest.raises(TeamRefused):
        team.invite(owner, alice, "one.more@example.com", Role.VIEWER)


def test_the_page_shows_the_team_and_changes_it(alice: Merchant, owner: User) -> None:
    bob = person("bob", alice, Role.VIEWER)
    member = Membership.objects.get(user=bob)
    client = Client()
    client.force_login(owner)
    page = client.get(reverse("people_team")).content.decode()
    assert "bob@example.com" in page
    assert "password only" in page
    client.post(reverse("people_member", args=[member.pk]), {"role": Role.CASHIER})
    member.refresh_from_db()
    assert member.role == Role.CASHIER
    client.post(reverse("people_member", args=[member.pk]), {"remove": "1"})
    assert not Membership.objects.filter(user=bob).exists()
    client.force_login(bob)
    assert client.get(reverse("people_team")).status_code == 403


def test_who_keeps_no_people_sees_no_team(alice: Merchant) -> None:
    client = Client()
    client.force_login(person("bob", alice, Role.VIEWER))
    assert client.get(reverse("people_team")).status_code == 403
