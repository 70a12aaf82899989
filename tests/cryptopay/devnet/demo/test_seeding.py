"""The demo's rows: made once, found again, and usable for what they are for."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db.models import Max
from django.utils import timezone
from pytest_django.fixtures import Settings

from cryptopay.devnet.demo.prices import PRICES, REFRESH_SECONDS
from cryptopay.devnet.demo.seeding import seed
from cryptopay.devnet.drive import EthereumNode
from cryptopay.devnet.tasks import record_demo_prices
from cryptopay.merchants import api_keys
from cryptopay.merchants.models import Membership, Merchant, User
from cryptopay.webhooks import endpoints
from keys.models import MasterKey
from ledger import rates
from ledger.models import Rate
from monitor import nodes
from monitor.connectors.evm import EvmConnector
from monitor.tokens import Token

SHOP_URL = "http://127.0.0.1:8001"

pytestmark = pytest.mark.django_db


def _kept(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def _counts() -> list[int]:
    return [model.objects.count() for model in (Merchant, User, Membership, MasterKey)]


def test_a_second_run_changes_nothing_but_the_prices_time(tmp_path: Path) -> None:
    seed(tmp_path, SHOP_URL)
    files, counts, newest = _kept(tmp_path), _counts(), Rate.objects.aggregate(at=Max("observed_at"))["at"]
    seed(tmp_path, SHOP_URL)
    assert _kept(tmp_path) == files
    assert _counts() == counts
    assert Rate.objects.aggregate(at=Max("observed_at"))["at"] > newest
    book = Merchant.objects.get(name="Demo Shop").test_book
    assert endpoints.of_book(book.pk).count() == 1


def test_the_kept_passwords_open_the_back_office(tmp_path: Path) -> None:
    seed(tmp_path, SHOP_URL)
    people = {row["login"]: row["password"] for row in json.loads((tmp_path / "demo.json").read_text())}
    for login in ("admin", "accountant", "other"):
        user = authenticate(username=login, password=people[login])
        assert isinstance(user, User)
        assert user.is_staff
        assert user.is_superuser == (login == "admin")


def test_the_shops_key_and_endpoint_are_its_own(tmp_path: Path) -> None:
    seed(tmp_path, SHOP_URL)
    account = json.loads((tmp_path / "shop.json").read_text())
    key = api_keys.authenticate(account["api_key"])
    assert key is not None
    assert not key.live
    assert key.merchant.name == "Demo Shop"
    assert account["api_key"].startswith("sk_test_")
    assert account["webhook_secret"].startswith("whsec_")


def test_lost_files_are_made_anew_for_the_same_rows(tmp_path: Path) -> None:
    seed(tmp_path, SHOP_URL)
    counts = _counts()
    for name in ("demo.json", "shop.json"):
        (tmp_path / name).unlink()
    seed(tmp_path, SHOP_URL)
    assert _counts() == counts
    people = {row["login"]: row["password"] for row in json.loads((tmp_path / "demo.json").read_text())}
    assert authenticate(username="accountant", password=people["accountant"])
    assert api_keys.authenticate(json.loads((tmp_path / "shop.json").read_text())["api_key"])


def test_a_moved_shop_is_told_at_its_new_place_alone(tmp_path: Path) -> None:
    seed(tmp_path, SHOP_URL)
    seed(tmp_path, "http://127.0.0.1:9001")
    book = Merchant.objects.get(name="Demo Shop").test_book
    (listening,) = endpoints.of_book(book.pk).filter(disabled_at=None)
    assert listening.url == "http://127.0.0.1:9001/webhooks"


def test_what_is_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    seed(tmp_path, SHOP_URL)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_prices_are_refreshed_before_they_grow_stale(tmp_path: Path, settings: Settings) -> None:
    seed(tmp_path, SHOP_URL)
    assert timedelta(seconds=2 * REFRESH_SECONDS) < timedelta(seconds=settings.RATE_MAX_AGE_SECONDS)
    later = timezone.now() - timedelta(hours=1)
    book = Merchant.objects.get(name="Demo Shop").test_book
    record_demo_prices()
    for coin, currency in PRICES:
        assert rates.current(book.pk, coin, currency).observed_at > later


def test_the_demo_is_refused_outside_development(settings: Settings) -> None:
    settings.DEVELOPMENT = False
    with pytest.raises(CommandError):
        call_command("seed_demo")
    assert not Merchant.objects.exists()


def test_the_token_is_deployed_once_and_let_in(tmp_path: Path, anvil: EthereumNode, settings: Settings) -> None:
    settings.NODE_URLS = {"ethereum-dev": "http://127.0.0.1:1"}
    seed(tmp_path, SHOP_URL)
    assert not Token.objects.filter(chain_code="ethereum-dev").exists(), "nobody answers there"
    settings.NODE_URLS = {"ethereum-dev": anvil.url}
    seed(tmp_path, SHOP_URL)
    token = Token.objects.get(chain_code="ethereum-dev")
    connector = nodes.connector(token.chain)
    assert isinstance(connector, EvmConnector)
    assert connector.token(token.contract) == (token.code, token.decimals)
    height = anvil.height()
    seed(tmp_path, SHOP_URL)
    assert anvil.height() == height
