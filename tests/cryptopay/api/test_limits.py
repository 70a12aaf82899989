"""So many requests a minute; counted in the run's Valkey, and by nobody while that is away."""

import secrets
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings as configured
from django.test import Client
from pytest_django import Settings

from cryptopay.api import limits
from tests.cryptopay.api.conftest import Caller, code


@pytest.fixture(autouse=True)
def _few(settings: Settings) -> Iterator[None]:
    settings.API_REQUESTS_PER_MINUTE = 3
    settings.API_REQUESTS_PER_MINUTE_WITHOUT_KEY = 2
    yield
    limits._counters.cache_clear()
    limits.RequestLimits._left_alone_until = 0.0


@pytest.fixture
def guesser(db: None) -> Client:
    """From an address of its own, with an invented key."""
    address = f"2001:db8::{secrets.token_hex(2)}"
    return Client(REMOTE_ADDR=address, headers={"authorization": "Bearer sk_test_" + "0" * 64})


def test_a_key_has_so_many_requests_a_minute(alice: Caller, charlie: Caller) -> None:
    answers = [alice.get("/me") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
    refused = answers[-1]
    assert (code(refused), refused.headers["Content-Type"]) == ("too_many_requests", "application/problem+json")
    assert 1 <= int(refused.headers["Retry-After"]) <= limits.WINDOW_SECONDS
    assert charlie.get("/me").status_code == 200, "another key"
    counted = redis.Redis.from_url(configured.REDIS_URL).ttl(f"api:key:{alice.key.pk}")
    assert 0 < counted <= limits.WINDOW_SECONDS, "it is forgotten when the minute is over"


def test_a_refused_request_happened_to_nobody(alice: Caller) -> None:
    for number in range(5):
        alice.post("/webhook-endpoints", {"url": f"https://shop.example/{number}"})
    assert len(alice.get("/webhook-endpoints").json().get("data", [])) in (0, 3)


def test_threat_44_whoever_guesses_keys_is_told_to_wait(guesser: Client) -> None:
    answers = [guesser.get("/api/v1/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    assert "Retry-After" in answers[-1].headers


def test_behind_a_proxy_the_address_is_the_proxys_word(guesser: Client) -> None:
    from rest_framework.settings import api_settings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api_settings, "NUM_PROXIES", 1)
        mine = secrets.token_hex(4)
        forged = [guesser.get("/api/v1/me", headers={"x-forwarded-for": f"1.1.1.{n}, {mine}"}) for n in range(3)]
        other = guesser.get("/api/v1/me", headers={"x-forwarded-for": secrets.token_hex(4)})
    assert [answer.status_code for answer in forged] == [401, 401, 429]
    assert other.status_code == 401


def test_without_a_counter_everybody_is_served(alice: Caller, settings: Settings) -> None:
    limits._counters.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [alice.get("/me").status_code for _ in range(5)] == [200] * 5


def test_zero_is_no_limit(alice: Caller, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 0
    assert {alice.get("/me").status_code for _ in range(6)} == {200}
