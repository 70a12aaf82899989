"""People who sign up and in: with counters of their own in the run's Valkey, and passwords that hash quickly."""

import re
import secrets
from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.mail import EmailMessage
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from cryptopay.merchants.models import Membership, Merchant, User
from cryptopay.merchants.onboarding import create_merchant

PASSWORD = "correct horse battery"
Get = Callable[[str], HttpResponse]


@pytest.fixture(autouse=True)
def counters(settings: Settings) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": secrets.token_hex(8)}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None) -> Merchant:
    return create_merchant("Alice's")


def person(name: str, merchant: Merchant | None = None, role: str = "", *, staff: bool = True) -> User:
    """With a password and a confirmed address; in the back office if a member."""
    user = User.objects.create_user(name, f"{name}@example.com", PASSWORD, is_staff=staff)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    if merchant is not None:
        Membership.objects.create(merchant=merchant, user=user, role=role)
    return user


def with_authenticator(user: User) -> str:
    """The secret of the app they now have; recovery codes beside it."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def code_of_now(secret: str, later: int = 0) -> str:
    import time

    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))


def sign_in(client: Client, login: str, password: str = PASSWORD, **extra: str) -> HttpResponse:
    return client.post(reverse("account_login"), {"login": login, "password": password}, headers=extra)  # type: ignore[return-value]


def who(client: Client) -> str | None:
    """The id of whoever is signed in."""
    return client.session.get("_auth_user_id")


def code_in(mail: EmailMessage) -> str:
    found = re.search(r"^[A-Z0-9]{4}-[A-Z0-9]{4}$", str(mail.body), re.MULTILINE)
    assert found, mail.body
    return found[0]
