"""Tokens an operator lets in: what is pinned, what is refused, and how the admin asks the contract."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from cryptopay.devnet.contracts import DEMO_DOLLAR, Contract, deploy
from cryptopay.devnet.drive import EthereumNode
from cryptopay.merchants.models import User
from ledger.models import Asset, Book
from monitor import nodes, tokens
from monitor.chains import CHAINS
from monitor.connectors.base import Transfer
from monitor.deposits import Sighting, take_in
from monitor.models import Deposit
from monitor.tokens import Token
from monitor.watching import watch, watched

pytestmark = pytest.mark.django_db

CHAIN = CHAINS["ethereum-dev"]
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
FAKE = "0x" + "ab" * 20


def token(**facts: object) -> Token:
    return Token.objects.create(**{"chain_code": CHAIN.code, "contract": FAKE, "code": "USDX", "decimals": 6, **facts})


def test_usdt_and_usdc_of_ethereum_wait_for_a_node(settings: Settings) -> None:
    settings.NODE_URLS = {}
    seeded = {row.code: row for row in tokens.enabled(["ethereum"])}
    assert seeded.keys() == {"USDT", "USDC"}
    assert seeded["USDT"].contract == tokens.lower_case(USDT)
    assert seeded["USDC"].contract == tokens.lower_case("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48")
    assert {row.decimals for row in seeded.values()} == {6}
    assert tokens.contracts(CHAINS["ethereum"]) == {row.contract for row in seeded.values()}
    assert tokens.contracts(CHAINS["bitcoin"]) == frozenset()


@pytest.mark.parametrize("written", [USDT, USDT.lower(), "0x" + USDT[2:].upper()])
def test_a_contract_in_one_case_or_with_its_checksum(written: str) -> None:
    assert tokens.lower_case(written) == USDT.lower()


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (USDT.replace("D2", "d2"), "contract_checksum"),
        (USDT[2:], "contract_malformed"),
        (USDT[:-1], "contract_malformed"),
        (USDT + "0", "contract_malformed"),
        ("0X" + USDT[2:], "contract_malformed"),
        (USDT[:-1] + "g", "contract_malformed"),
        (USDT + "\n", "contract_malformed"),
        ("", "contract_malformed"),
    ],
)
def test_any_other_text_is_no_contract(written: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        tokens.lower_case(written)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "facts",
    [
        {"contract": USDT},
        {"contract": FAKE[2:]},
        {"code": "usdx"},
        {"code": ""},
        {"code": "US@X"},
        {"decimals": 37},
        {"minimum_base_units": 0},
    ],
)
def test_the_database_refuses_what_cannot_be_a_token(facts: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        token(**facts)


def test_one_contract_and_one_code_a_chain() -> None:
    token()
    for facts in ({"code": "OTHER"}, {"contract": "0x" + "cd" * 20}):
        with pytest.raises(IntegrityError), transaction.atomic():
            token(**facts)
    token(chain_code="ethereum")


def test_a_token_may_not_pass_for_a_coin() -> None:
    for code in ("ETH", "BTC"):
        with pytest.raises(ValidationError):
            Token(chain_code=CHAIN.code, contract=FAKE, code=code, decimals=18).full_clean()


@pytest.mark.parametrize("use", ["asset", "deposit"])
def test_once_it_is_used_only_the_switch_can_be_turned(use: str) -> None:
    row = token()
    row.decimals = 8
    row.save()  # a mistake, and nobody has used it yet
    if use == "asset":
        Asset.objects.create(code="USDX", chain=CHAIN.code, contract=FAKE, decimals=8)
    else:
        book = Book.objects.create(name="Alice")
        seen = watch(book.pk, CHAIN, "0x01", b"a" * 20)
        Deposit.objects.create(
            book=book, watched=seen, chain_code=CHAIN.code, key="k", txid="t", contract=FAKE, base_units=1
        )
    assert tokens.used(row)
    for change in ({"decimals": 18}, {"code": "USDY"}, {"contract": USDT.lower()}, {"minimum_base_units": 5}):
        with pytest.raises(IntegrityError, match="in use"), transaction.atomic():
            Token.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(IntegrityError, match="in use"), transaction.atomic():
        row.delete()
    Token.objects.filter(pk=row.pk).update(enabled=False)
    assert tokens.contracts(CHAIN) == frozenset()


def test_threat_06_a_tokens_dust_is_its_own() -> None:
    token(minimum_base_units=100)
    book = Book.objects.create(name="Alice")
    place = b"a" * 20
    watch(book.pk, CHAIN, "0x01", place)
    transfers = [Transfer(f"k{units}", "t", place, units, contract=FAKE) for units in (1, 99, 100)]
    own = [Transfer("dust", "t", place, CHAIN.minimum_base_units - 1)]
    at = Book.objects.get(pk=book.pk).created_at
    assert take_in(Sighting(CHAIN, at), [*transfers, *own], watched(CHAIN, [place])) == 1
    assert Deposit.objects.get(book=book).base_units == 100


def test_a_connector_reads_what_is_switched_on_now(settings: Settings) -> None:
    settings.NODE_URLS = {CHAIN.code: "http://127.0.0.1:1"}
    before = nodes.connector(CHAIN)
    assert nodes.connector(CHAIN) is before
    row = token()
    after = nodes.connector(CHAIN)
    assert after is not before
    Token.objects.filter(pk=row.pk).update(enabled=False)
    assert nodes.connector(CHAIN) is before


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator"))
    return client


@pytest.fixture
def dollar(anvil: EthereumNode, settings: Settings) -> Contract:
    settings.NODE_URLS = {CHAIN.code: anvil.url}
    return deploy(anvil, DEMO_DOLLAR)


def save(client: Client, **form: str) -> str:
    empty = {"chain_code": CHAIN.code, "code": "", "decimals": "", "minimum_base_units": "", "enabled": "on"}
    return client.post(reverse("admin:monitor_token_add"), {**empty, **form}, follow=True).content.decode()


def test_an_operator_looks_at_what_the_contract_says_and_pins_it(operator: Client, dollar: Contract) -> None:
    page = save(operator, contract=dollar.address)
    assert "The contract calls itself USDX, with 6 decimals" in page
    assert 'value="USDX"' in page
    assert 'value="10000"' in page
    assert not Token.objects.filter(contract=dollar.address).exists()
    page = save(operator, contract=dollar.address, code="USDX", decimals="6", minimum_base_units="10000")
    assert "Offered" in page
    row = Token.objects.get(contract=dollar.address)
    assert (row.code, row.decimals, row.minimum_base_units, row.enabled) == ("USDX", 6, 10_000, True)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"decimals": "18"}, "The contract says 6."),
        ({"contract": "0x" + "00" * 20}, "there is no such token"),
        ({"contract": "0x12"}, "40 hexadecimal digits"),
        ({"chain_code": "bitcoin-regtest"}, "Select a valid choice"),
        ({"chain_code": "ethereum"}, "No node is set for Ethereum"),
        ({"code": "ETH"}, "a coin of its own"),
    ],
)
def test_what_an_operator_is_refused(operator: Client, dollar: Contract, form: dict[str, str], says: str) -> None:
    known = Token.objects.count()
    whole = {"contract": dollar.address, "code": "USDX", "decimals": "6", "minimum_base_units": "1"}
    if form == {"chain_code": "ethereum"}:
        whole = {"contract": dollar.address}
    assert says in save(operator, **{**whole, **form})
    assert Token.objects.count() == known


def test_a_saved_token_shows_and_keeps_what_it_is(operator: Client, settings: Settings) -> None:
    settings.NODE_URLS = {}
    row = token()
    page = reverse("admin:monitor_token_change", args=[row.pk])
    assert "Waits for a node of Ethereum (development)" in operator.get(page).content.decode()
    operator.post(page, {"code": "EVIL", "decimals": "2", "contract": USDT})
    row.refresh_from_db()
    assert (row.code, row.decimals, row.contract, row.enabled) == ("USDX", 6, FAKE, False)
    assert "Switched off" in operator.get(reverse("admin:monitor_token_changelist")).content.decode()
    Asset.objects.create(code="USDX", chain=CHAIN.code, contract=FAKE, decimals=6)
    delete = reverse("admin:monitor_token_delete", args=[row.pk])
    assert operator.post(delete, {"post": "yes"}).status_code == 403
    assert Token.objects.filter(pk=row.pk).exists()
