"""Threat 44: who guesses is stopped, and learns nothing of who has an account here."""

import re
from collections.abc import Callable
from unittest.mock import patch

import pytest
from allauth.account.adapter import get_adapter
from django.contrib.auth import hashers
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from cryptopay.merchants.models import Merchant

from .conftest import PASSWORD, person, sign_in, who, with_authenticator

pytestmark = pytest.mark.django_db
GUESSES_IN_FIVE_MINUTES = 5
Guess = Callable[[Client, int], HttpResponse]


@pytest.fixture(autouse=True)
def _behind_a_proxy(settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1


def address(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def words_of(answer: HttpResponse) -> str:
    """What a stranger reads, without what differs between any two answers, and their own input."""
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    return re.sub(r"[\w.]+@example\.com|nobody|bob", "somebody", page)


def test_threat_44_a_crowd_guesses_one_persons_password(alice: Merchant, settings: Settings) -> None:
    """10,000 tries, each from another address: so many passwords are compared as five minutes allow, and no more.

    Counted in this process, for speed; the other tests count in Valkey.
    """
    local = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": local, "LOCATION": "crowd", "OPTIONS": {"MAX_ENTRIES": 100_000}}}
    bob, compared = person("bob", alice, "viewer"), []
    check = type(bob).check_password

    def counted(self: object, raw: str) -> bool:
        compared.append(raw)
        return check(self, raw)  # type: ignore[arg-type]

    refused = 0
    with patch.object(type(bob), "check_password", counted):
        for number in range(10_000):
            request = RequestFactory().post("/", headers={"x-forwarded-for": address(number)})
            try:
                get_adapter().authenticate(request, username="bob", password=f"guess {number}")
            except ValidationError:
                refused += 1
    assert (len(compared), refused) == (GUESSES_IN_FIVE_MINUTES, 10_000 - GUESSES_IN_FIVE_MINUTES)


def test_threat_44_even_the_right_password_waits_then(client: Client, alice: Merchant) -> None:
    bob = person("bob", alice, "viewer")
    for number in range(GUESSES_IN_FIVE_MINUTES):
        sign_in(client, "bob", f"guess {number}", **{"x-forwarded-for": address(number)})
    answer = sign_in(client, "bob", PASSWORD, **{"x-forwarded-for": address(99)})
    assert who(client) is None
    assert "Too many" in answer.content.decode()
    assert bob.is_active, "nobody is locked out for longer than five minutes by somebody else's guesses"


def test_threat_44_one_address_tries_everybody(client: Client, alice: Merchant) -> None:
    person("bob", alice, "viewer")
    answers = [sign_in(client, f"user{n}", "guess", **{"x-forwarded-for": address(1)}) for n in range(32)]
    assert [answer.status_code for answer in answers[30:]] == [429, 429]
    assert answers[-1].headers["Retry-After"] == "300"
    told = [answer for answer in answers if "Too many" in answer.content.decode()]
    assert len(told) == 32 - 10, "ten wrong log-ins a minute from one address"


def test_threat_44_codes_of_the_second_factor_are_guessed_no_faster(client: Client, alice: Merchant) -> None:
    secret_holder = person("bob", alice, "owner")
    with_authenticator(secret_holder)
    asked = []
    with patch("allauth.mfa.totp.internal.auth.TOTP.validate_code", side_effect=asked.append):
        for number in range(12):
            here = {"x-forwarded-for": address(number)}
            sign_in(client, "bob", **here)
            client.post(reverse("mfa_authenticate"), {"code": f"{number:06}"}, headers=here)
    assert len(asked) == GUESSES_IN_FIVE_MINUTES
    assert who(client) is None


def test_threat_44_a_forged_header_makes_nobody_new(client: Client, settings: Settings) -> None:
    """The right-most entry is the proxy's word; what stands before it, the guesser's."""
    answers = [sign_in(client, f"u{n}", "guess", **{"x-forwarded-for": f"1.2.3.{n}, 10.9.9.9"}) for n in range(31)]
    assert answers[-1].status_code == 429


def _logs_in(name: str, number: int) -> HttpResponse:
    return sign_in(Client(), name, "wrong", **{"x-forwarded-for": address(number)})


def _signs_up(name: str, number: int) -> HttpResponse:
    form = {"email": f"{name}@example.com", "password1": PASSWORD}
    return _posted("account_signup", form, number)


def _resets(name: str, number: int) -> HttpResponse:
    return _posted("account_reset_password", {"email": f"{name}@example.com"}, number)


def _posted(page: str, form: dict[str, str], number: int) -> HttpResponse:
    headers = {"x-forwarded-for": address(number)}
    return Client(headers=headers).post(reverse(page), form, follow=True)  # type: ignore[return-value]


@pytest.mark.parametrize("asks", [_logs_in, _signs_up, _resets])
def test_threat_44_whether_somebody_is_here_is_not_told(
    alice: Merchant, mailoutbox: list[EmailMessage], asks: Callable[[str, int], HttpResponse]
) -> None:
    """The same words, the same status, as many mails, and a password hashed as often."""
    person("bob", alice, "viewer")
    hashed: list[int] = []
    answers, mails = [], []
    make, check = hashers.MD5PasswordHasher.encode, hashers.MD5PasswordHasher.verify

    def counted(run: Callable[..., object]) -> Callable[..., object]:
        def wrapped(self: object, *args: object) -> object:
            hashed.append(len(answers))
            return run(self, *args)

        return wrapped

    with (
        patch.object(hashers.MD5PasswordHasher, "encode", counted(make)),
        patch.object(hashers.MD5PasswordHasher, "verify", counted(check)),
    ):
        for number, name in enumerate(("bob", "nobody")):
            answers.append(asks(name, number))
            mails.append(len(mailoutbox))
    known, unknown = answers
    assert (known.status_code, words_of(known)) == (unknown.status_code, words_of(unknown))
    assert mails[1] == 2 * mails[0]
    assert bool(hashed.count(0)) == bool(hashed.count(1))


def test_without_counters_nobody_is_let_in(client: Client, alice: Merchant, settings: Settings) -> None:
    person("bob", alice, "viewer")
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    answer = sign_in(client, "bob")
    assert (answer.status_code, who(client)) == (503, None)
    assert "Payments go on" in answer.content.decode()
