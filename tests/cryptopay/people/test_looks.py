"""The pages of an account, narrow and wide, light and dark, as axe-core judges it."""

from collections.abc import Iterator, Sequence

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from cryptopay.devnet import places
from cryptopay.merchants.onboarding import create_merchant
from tests.browsing import chromium_of_ours
from tests.cryptopay.checkout.gallery import keep
from tests.cryptopay.checkout.test_states import NARROW, WIDE, judged
from tests.cryptopay.people.conftest import PASSWORD, code_of_now, person, sign_in, with_authenticator

STRANGERS = ("account_login", "account_signup", "account_reset_password")
MEMBERS = (
    *("people_start", "people_team", "account_email", "account_change_password"),
    *("mfa_index", "account_reauthenticate", "mfa_activate_totp", "mfa_add_webauthn"),
)
WITH_A_FACTOR = (
    *("mfa_index", "mfa_view_recovery_codes", "mfa_generate_recovery_codes"),
    *("mfa_deactivate_totp", "mfa_reauthenticate"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_of_ours() as found:
        yield found


def _signed_in(name: str, secret: str = "") -> Client:
    client = Client()
    sign_in(client, name)
    if secret:
        client.post(reverse("mfa_authenticate"), {"code": code_of_now(secret)})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert settings.SESSION_COOKIE_NAME in client.cookies
    return client


def _looks(
    browser: Browser, live_server: LiveServer, client: Client | None, names: Sequence[str]
) -> dict[str, list[str]]:
    """What is wrong with each page, by its name and look. Who was led elsewhere was not looked at."""
    found = {}
    for size, scheme in ((NARROW, "light"), (WIDE, "dark")):
        context = browser.new_context(color_scheme=scheme)
        if client is not None:
            value = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.set_viewport_size(size)
        for name in names:
            page.goto(f"{live_server.url}{reverse(name)}")
            assert page.url.startswith(f"{live_server.url}{reverse(name)}"), (name, page.url)
            page.evaluate(places.AXE.read_text())
            look = f"{name}-{'in' if client else 'out'}-{size['width']}-{scheme}"
            found[look] = judged(page)
            keep(page, look)
        context.close()
    return found


@pytest.mark.django_db(transaction=True)
def test_axe_core_finds_nothing_on_the_pages_of_an_account(browser: Browser, live_server: LiveServer) -> None:
    merchant = create_merchant("Alice's")
    person("olive", merchant, "owner")
    secret = with_authenticator(person("otto", merchant, "owner"))
    found = _looks(browser, live_server, None, STRANGERS)
    found |= _looks(browser, live_server, _signed_in("olive"), MEMBERS)
    found |= {
        f"otto's {look}": words
        for look, words in _looks(browser, live_server, _signed_in("otto", secret), WITH_A_FACTOR).items()
    }
    assert len(found) == 2 * len(STRANGERS + MEMBERS + WITH_A_FACTOR)
    assert {look: words for look, words in found.items() if words} == {}
