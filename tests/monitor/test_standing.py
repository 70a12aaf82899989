"""What everybody may know of a chain: a state, since when, and why."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from cryptopay.devnet.drive import BitcoinNode
from monitor.backfill import NotOnOurBranch
from monitor.connectors.base import NodeError
from monitor.models import Cursor
from monitor.standing import REASONS, State, standing
from tests.monitor.conftest import Watching

CODE = "bitcoin-regtest"
NOW = timezone.now()
LONG_AGO = NOW - timedelta(hours=1)


@pytest.fixture(autouse=True)
def _on(settings: LazySettings) -> None:
    settings.NODE_URLS = {CODE: "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("fields", "state", "since", "reason"),
    [
        ({}, State.READING, None, ""),
        ({"node_height": 102}, State.READING, None, ""),
        ({"node_height": 103}, State.CATCHING_UP, None, ""),
        ({"failing_since": LONG_AGO, "failure_code": "node_slow"}, State.FAILING, LONG_AGO, "node_slow"),
        ({"failing_since": LONG_AGO, "failure_code": "new_one"}, State.FAILING, LONG_AGO, "node_error"),
        ({"checked_at": LONG_AGO}, State.FAILING, LONG_AGO, "not_looked_at"),
        ({"checked_at": None}, State.FAILING, None, "never_read"),
        (
            {"halted_at": LONG_AGO, "failing_since": NOW, "failure_code": "reorg_too_deep"},
            *(State.HALTED, LONG_AGO, "reorg_too_deep"),
        ),
        ({"chain_code": "litecoin-regtest", "checked_at": LONG_AGO}, State.OFF, LONG_AGO, "no_node"),
        ({"chain_code": "litecoin-regtest", "retired_at": LONG_AGO}, State.RETIRED, LONG_AGO, "no_node"),
    ],
)
def test_a_chain_stands_as_its_cursor_says(fields: dict[str, Any], state: State, since: Any, reason: str) -> None:
    looked = timezone.now()
    found = standing(Cursor(**{"chain_code": CODE, "height": 100, "node_height": 100, "checked_at": looked, **fields}))
    assert (found.state, found.since, found.reason) == (state, since, reason)
    assert found.is_read == (state in (State.READING, State.CATCHING_UP))
    assert bool(found.why) == (not found.is_read)


def test_a_chain_that_nobody_read_yet() -> None:
    assert standing(None).reason == "never_read"


def _kinds(error: type[NodeError]) -> set[type[NodeError]]:
    return {error, *(kind for child in error.__subclasses__() for kind in _kinds(child))}


def test_every_failure_of_a_node_has_words() -> None:
    """Those of other chains' connectors, too: importing `monitor` has imported them all."""
    kinds = _kinds(NodeError) - {NotOnOurBranch}  # is a request's, and never on a cursor
    assert len(kinds) > 6
    assert {kind.code for kind in kinds} <= REASONS.keys()


@pytest.mark.django_db
def test_a_chain_without_a_node_is_retired_by_a_person_and_comes_back_with_one(
    bitcoin: Watching, bitcoind: BitcoinNode, settings: LazySettings
) -> None:
    settings.NODE_URLS = {CODE: bitcoind.url}
    with pytest.raises(CommandError, match="a node is set"):
        call_command("retire_chain", CODE)
    settings.NODE_URLS = {}
    told = StringIO()
    call_command("retire_chain", CODE, stdout=told)
    assert "is retired" in told.getvalue()
    assert standing(bitcoin.cursor).state == State.RETIRED
    for again in (CODE, "dogecoin"):
        with pytest.raises(CommandError, match="never read here, or is retired"):
            call_command("retire_chain", again)

    address = bitcoind.new_address()
    bitcoin.hear_of(address)
    key = f"{bitcoind.pay(address, 10_000)}:0"
    bitcoind.mine(3)
    settings.NODE_URLS = {CODE: bitcoind.url}
    bitcoin.step()
    assert standing(bitcoin.cursor).state == State.READING
    assert bitcoin.told(key) == [("seen", 1), ("confirmed", 1)], "what was paid meanwhile is found"
