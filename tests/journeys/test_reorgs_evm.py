"""Any schedule on Ethereum ends in books that say what the addresses hold, in coins and in tokens."""

import pytest
from pytest_django import Settings

from cryptopay.devnet.drive import EthereumNode
from cryptopay.payments.models import Payment
from tests import auditing_evm, people
from tests.database import urls_of_this_database
from tests.reorgs_evm import CHAIN, Trial

pytestmark = pytest.mark.django_db(transaction=True)

SCHEDULES = 3


@pytest.fixture
def trial(anvil: EthereumNode, transactional_db: None, settings: Settings) -> Trial:
    settings.NODE_URLS = {CHAIN.code: anvil.url}
    people.record_rates()
    found = Trial(anvil, people.merchant("Alice"), urls_of_this_database()["DATABASE_URL"])
    found.start()
    return found


def test_threat_12_the_books_are_what_the_addresses_hold(trial: Trial) -> None:
    for seed in range(SCHEDULES):
        trial.run(seed)
    assert trial.reorgs >= SCHEDULES
    confirmed = Payment.objects.filter(state=Payment.State.CONFIRMED)
    assert {payment.asset.contract for payment in confirmed.select_related("asset")} == {"", trial.token.address}


def test_the_auditor_notices_what_the_books_leave_out(trial: Trial) -> None:
    """An auditor who can find nothing proves nothing."""
    address = trial._address("ETH")
    trial.node.pay(address, 10**18)
    trial.token.send("transfer", address, 5)
    trial.node.mine(3)
    with pytest.raises(AssertionError, match=r"hold 1000000000000000000 of coins, credited 0\n.*hold 5 of 0x"):
        trial.agree(0)
    trial.read()
    trial.agree(0)
    (wrong,) = auditing_evm.differences(trial.database_url, CHAIN.code, trial.node.url, [])
    assert wrong.endswith("credited 5")
