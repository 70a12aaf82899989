"""Any schedule of payments, double spends and reorganisations ends in books that say what the chain says."""

from typing import Any

import pytest
from pytest_django import Settings

from cryptopay.devnet.drive import BitcoinNode
from monitor.chains import CHAINS
from monitor.models import WatchedAddress
from tests import auditing, people
from tests.database import urls_of_this_database
from tests.journeys.conftest import DEEP
from tests.reorgs import Trial

pytestmark = pytest.mark.django_db(transaction=True)

NODES = {"bitcoind": "bitcoin-regtest", "litecoind": "litecoin-regtest", "bcash": "bitcoincash-regtest"}
SCHEDULES = 3


@pytest.fixture(params=NODES)
def trial(request: pytest.FixtureRequest, transactional_db: None, settings: Settings) -> Trial:
    node: BitcoinNode = request.getfixturevalue(request.param)
    code = NODES[request.param]
    settings.NODE_URLS = {code: node.url}
    people.record_rates()
    found = Trial(CHAINS[code], node, people.merchant("Alice"), urls_of_this_database()["DATABASE_URL"])
    found.start()
    return found


def test_threat_02_the_books_are_those_of_a_fresh_rescan(trial: Trial) -> None:
    for seed in range(SCHEDULES):
        trial.run(seed)
    assert trial.reorgs >= SCHEDULES
    assert trial.payments > 0


def test_threat_02_credits_are_taken_back_and_come_again(trial: Trial) -> None:
    """By hand, what schedules do by chance: mined again at once, stolen, kept out, come again."""
    node, outputs = trial.node, [(trial.new_address(), 10 * trial.chain.minimum_base_units)]
    txid = node.pay(outputs)
    raw, other = node.rpc("getrawtransaction", txid), node.conflicting(txid)
    node.mine(DEEP)
    trial.read()
    trial.agree(0)
    fates: list[tuple[list[str], int]] = [([raw], 1), ([other], 0), ([], 0), ([raw], 1)]
    for number, (transactions, received) in enumerate(fates):
        node.reorg(DEEP + number, transactions=transactions)
        trial.read()
        trial.agree(number)
        assert len(_shown(trial).received) == received
    assert trial.taken_back == 2


def test_the_auditor_notices_what_the_books_leave_out(trial: Trial) -> None:
    """An auditor who can find nothing proves nothing."""
    address = trial.new_address()
    trial.node.pay(address, 10 * trial.chain.minimum_base_units)
    trial.node.mine(40)
    with pytest.raises(AssertionError, match="was never seen"):
        trial.agree(0)
    trial.read()
    trial.agree(0)
    (key,) = _shown(trial).received
    without = auditing.Shown(_shown(trial).height, {})
    assert any("on no chain" in each for each in _differences(trial, without))
    coins = _shown(trial).received[key]
    twice = auditing.Received(coins.destination, coins.base_units * 2, coins.height, coins.block_hash)
    wrong = _differences(trial, auditing.Shown(_shown(trial).height, {key: twice}))
    assert any("credited" in each for each in wrong)
    elsewhere = auditing.Received(coins.destination, coins.base_units, coins.height, "00" * 32)
    assert _differences(trial, auditing.Shown(_shown(trial).height, {key: elsewhere}))


def _shown(trial: Trial) -> auditing.Shown:
    watched = WatchedAddress.objects.filter(chain_code=trial.chain.code)
    return auditing.utxo(trial.node.url, [bytes(row.destination) for row in watched], trial.first_height)


def _differences(trial: Trial, shown: auditing.Shown, **more: Any) -> list[str]:
    return auditing.differences(trial.database_url, trial.chain.code, shown, **more)
