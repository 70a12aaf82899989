from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from cryptopay.devnet.drive import BitcoinNode
from tests.monitor.conftest import Watching

pytestmark = pytest.mark.django_db


def _rescan(chain: str, first: int, last: int) -> str:
    out = StringIO()
    call_command("rescan_chain", chain, first=first, last=last, stdout=out)
    return out.getvalue()


def test_blocks_are_read_again_for_an_address_imported_late(
    bitcoin: Watching, bitcoind: BitcoinNode, settings: LazySettings
) -> None:
    settings.NODE_URLS = {bitcoin.chain.code: bitcoind.url}
    address, first = bitcoind.new_address(), bitcoind.height() + 1
    bitcoind.pay(address, 1_000)
    bitcoind.mine(2)
    bitcoin.step()
    bitcoin.hear_of(address)
    assert "1 deposits found" in _rescan(bitcoin.chain.code, first, first + 1)
    assert "0 deposits found" in _rescan(bitcoin.chain.code, first, first + 1)
    assert bitcoin.told() == [("seen", 1), ("confirmed", 1)]


def test_a_branch_that_was_not_read_is_not_read_again(
    bitcoin: Watching, bitcoind: BitcoinNode, settings: LazySettings
) -> None:
    settings.NODE_URLS = {bitcoin.chain.code: bitcoind.url}
    address, first = bitcoind.new_address(), bitcoind.height() + 1
    bitcoind.pay(address, 1_000)
    bitcoind.mine(2)
    bitcoin.step()
    bitcoin.hear_of(address)
    bitcoind.reorg(2)
    with pytest.raises(CommandError, match="catch up first"):
        _rescan(bitcoin.chain.code, first, first + 1)
    assert bitcoin.told() == []


def test_another_chains_node_is_refused(bitcoin: Watching, litecoind: BitcoinNode, settings: LazySettings) -> None:
    settings.NODE_URLS = {bitcoin.chain.code: litecoind.url}
    with pytest.raises(CommandError, match="another chain"):
        _rescan(bitcoin.chain.code, 1, 2)


@pytest.mark.parametrize("command", ["rescan_chain", "resume_chain"])
def test_a_chain_that_is_off_is_said_to_be(settings: LazySettings, command: str) -> None:
    settings.NODE_URLS = {}
    options = {"first": 1, "last": 2} if command == "rescan_chain" else {}
    with pytest.raises(CommandError, match="not available"):
        call_command(command, "bitcoin", **options)
