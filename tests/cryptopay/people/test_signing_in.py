"""Sign-up, log-in, password reset: one way in, and what the mails and pages say."""

from collections.abc import Sequence

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from cryptopay.merchants.models import Membership, Merchant, User
from ledger.models import Account

from .conftest import PASSWORD, code_in, person, sign_in, who

pytestmark = pytest.mark.django_db
NEWCOMER = "dora@example.com"
Mails = Sequence[EmailMessage]


def sign_up(client: Client, email: str = NEWCOMER) -> None:
    answer = client.post(reverse("account_signup"), {"email": email, "password1": PASSWORD})
    assert answer.headers["Location"] == reverse("account_email_verification_sent")


def test_a_newcomer_founds_a_merchant_and_owns_it(
    client: Client, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    settings.NODE_URLS = {"bitcoin-regtest": "http://127.0.0.1:9"}
    sign_up(client)
    assert who(client) is None, "before the address is confirmed"
    client.post(reverse("account_email_verification_sent"), {"code": code_in(mailoutbox[0])})
    assert who(client)
    assert "Your business" in client.get(reverse("people_home")).content.decode()
    client.post(reverse("people_found"), {"name": "Dora's", "currency": "CHF"})
    member = Membership.objects.get(user__username=NEWCOMER)
    assert (member.role, member.merchant.name) == ("owner", "Dora's")
    assert (member.merchant.live_book.currency, member.merchant.test_book.is_test) == ("CHF", True)
    opened = Account.objects.filter(book=member.merchant.test_book).values_list("code", flat=True)
    assert {"assets:custody:bitcoin-regtest", "income:sales"} <= set(opened)
    assert client.get(reverse("people_home")).headers["Location"] == reverse("admin:index")
    assert client.get(reverse("admin:index")).status_code == 200


def test_a_wrong_code_lets_nobody_in(client: Client, mailoutbox: list[EmailMessage]) -> None:
    sign_up(client)
    for _ in range(4):
        client.post(reverse("account_email_verification_sent"), {"code": "AAAA-AAAA"})
    client.post(reverse("account_email_verification_sent"), {"code": code_in(mailoutbox[0])})
    assert who(client) is None, "the right code came after too many wrong ones"


def test_strangers_sign_up_only_where_the_operator_lets_them(client: Client, settings: Settings) -> None:
    settings.SIGN_UP_OPEN = False
    answer = client.post(reverse("account_signup"), {"email": NEWCOMER, "password1": PASSWORD})
    assert not User.objects.exists()
    assert "somebody invited you" in answer.content.decode()
    idle = person("idle", staff=False)
    client.force_login(idle)
    assert (
        "belong to no merchant"
        in client.post(reverse("people_found"), {"name": "x", "currency": "EUR"}).content.decode()
    )
    assert not Merchant.objects.exists()


@pytest.mark.parametrize("login", ["bob", "bob@example.com", "BOB@example.com"])
def test_people_sign_in_by_name_or_address(client: Client, alice: Merchant, login: str) -> None:
    bob = person("bob", alice, "viewer")
    answer = sign_in(client, login)
    assert answer.headers["Location"] == reverse("people_home")
    assert who(client) == str(bob.pk)


def test_a_member_without_a_confirmed_address_is_sent_a_code(client: Client, mailoutbox: list[EmailMessage]) -> None:
    User.objects.create_user("eve", "eve@example.com", PASSWORD, is_staff=True)
    sign_in(client, "eve")
    assert who(client) is None
    assert mailoutbox[0].to == ["eve@example.com"]


def test_a_superuser_of_the_command_line_needs_no_mail(client: Client) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    sign_in(client, "root")
    assert who(client) == str(root.pk)
    assert client.get(reverse("admin:index")).status_code == 200


def test_whoever_belongs_to_no_merchant_is_told_so(client: Client) -> None:
    person("idle", staff=False)
    sign_in(client, "idle")
    answer = client.get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0] == reverse("people_home")
    assert "Your business" in answer.content.decode()


def test_the_link_to_a_page_survives_the_log_in(client: Client, alice: Merchant) -> None:
    person("bob", alice, "viewer")
    page = reverse("admin:payments_invoice_changelist")
    answer = client.get(page, follow=True)
    here = answer.redirect_chain[-1][0]
    assert here.startswith(reverse("account_login"))
    answer = client.post(here, {"login": "bob", "password": PASSWORD, "next": page})
    assert answer.headers["Location"] == page
    away = Client().post(
        reverse("account_login"), {"login": "bob", "password": PASSWORD, "next": "https://evil.example"}
    )
    assert away.headers["Location"] == reverse("people_home")


def test_a_password_is_reset_by_mail_and_signs_nobody_in(
    client: Client, alice: Merchant, mailoutbox: list[EmailMessage]
) -> None:
    bob = person("bob", alice, "viewer")
    client.post(reverse("account_reset_password"), {"email": bob.email})
    (link,) = [word for word in str(mailoutbox[0].body).split() if "/password/reset/" in word]
    form = client.get(link.partition("testserver")[2], follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": "another horse battery", "password2": "another horse battery"})
    assert who(client) is None
    sign_in(client, "bob")
    assert who(client) is None, "the former password"
    sign_in(client, "bob", "another horse battery")
    assert who(client) == str(bob.pk)


def test_every_page_of_people_is_ours_and_keeps_the_policy(client: Client, alice: Merchant) -> None:
    person("bob", alice, "owner")
    pages = ["account_login", "account_signup", "account_reset_password"]
    inside = ["mfa_index", "account_email", "account_change_password", "account_logout"]
    for names, signed in ((pages, False), (inside, True)):
        if signed:
            sign_in(client, "bob")
        for name in names:
            answer = client.get(reverse(name), follow=True)
            page = answer.content.decode()
            assert "people/people.css" in page, name
            assert "<style" not in page, name
            assert 'style="' not in page, name
            assert "unsafe" not in answer.headers["Content-Security-Policy"], name
