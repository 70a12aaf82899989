"""What the scanner finds: a sender's payments, one of mainnet's, and what no honest wallet sends."""

import secrets
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.chains import CHAINS
from monitor.connectors.base import Transfer
from monitor.connectors.monero import _Scanned
from monitor.connectors.monero_blocks import Output, Transaction
from monitor.connectors.monero_scan import ViewKey, amount, scan
from tests.monitor.connectors.monero_sender import (
    ORDER,
    ORDER_8,
    Account,
    Paying,
    base,
    new_account,
    plus,
    random_scalar,
    scalar,
    times,
    transaction,
)

CHAIN = CHAINS["monero-regtest"]
XMR = 10**12


def transfers(
    transactions: Sequence[Transaction], accounts: Sequence[Account], watched: set[bytes] | None = None
) -> list[Transfer]:
    scanned = _Scanned(CHAIN, list(scan(transactions, [ViewKey(account.view_key) for account in accounts])))
    return scanned.transfers_to(scanned.destinations() if watched is None else watched)


def test_a_payment_of_mainnet_to_the_general_fund() -> None:
    """0b0ff5efc5e1a277f256501a4df8e86eb3387828c1cf235a93702a9c16548965 pays 0.00328426 XMR to its subaddress 70.

    The view key stands on getmonero.org; the figures as P2Pool's observer keeps them in its tests.
    """
    view_key = ViewKey(bytes.fromhex("f359631075708155cc3d92a32b75a7d02a5dcf27756707b47a2b31b21c389501"))
    outputs = [
        Output(
            bytes.fromhex("892251b8fa9b95f90397f17f20178e05be9122338c1be821cb208237ce3397ca"), 0xC0, 0,
            bytes.fromhex("46cd3b24cca1aa6c"),
            bytes.fromhex("add031be3b52ddfb3dc95c1e8a190eff69633925a9a52c6d28263db7413f21b0"),
        ),
        Output(
            bytes.fromhex("8219a994a9055ce3f99298fae343afea6b2d658098b33099b65b78e160cbd72e"), 0x82, 0,
            bytes.fromhex("bbb7ce98edb2d678"),
            bytes.fromhex("e4a9a76ec76c601a809d689402303117489b63ec6e1bf8c985e71f75ac2feebe"),
        ),
    ]  # fmt: skip
    public_key = bytes.fromhex("889432b1c870f2c5748b4c6f8bd2f28879cc698859674940b082b5fb5fef7e90")
    found = [one for one in scan([transaction(outputs, [public_key])], [view_key]) if amount(one) is not None]
    assert [amount(one) for one in found] == [3_284_260_000]


@given(base_units=st.integers(0, 2**64 - 1), number=st.integers(1, 2**31), tagged=st.booleans())
def test_what_is_sent_is_found_to_the_unit(base_units: int, number: int, tagged: bool) -> None:
    account = new_account()
    paying = Paying(random_scalar(), account.subaddress(number))
    [found] = transfers([transaction([paying.output(base_units, tagged=tagged)], [paying.public_key])], [account])
    assert (found.base_units, found.destination) == (base_units, account.destination(number))
    assert found.key == paying.output(base_units).key.hex()


def test_one_pass_serves_many_accounts_and_additional_keys() -> None:
    accounts = [new_account() for _ in range(3)]
    payings = [Paying(random_scalar(), account.subaddress(5), index) for index, account in enumerate(accounts)]
    outputs = [paying.output(XMR + paying.index) for paying in payings]
    sent = transaction(outputs, [base(random_scalar())], [paying.public_key for paying in payings])
    watched = {account.destination(5) for account in accounts}
    assert [(t.base_units, t.destination) for t in transfers([sent], accounts, watched)] == [
        (XMR + index, account.destination(5)) for index, account in enumerate(accounts)
    ]


def test_others_payments_are_nobodys() -> None:
    account, other = new_account(), new_account()
    paying = Paying(random_scalar(), other.subaddress(1))
    sent = transaction([paying.output(XMR)], [paying.public_key])
    assert not transfers([sent], [account], {account.destination(1), other.destination(1)})


def test_threat_17_a_one_time_key_counts_once() -> None:
    """The "burning bug" of 2018: outputs to one key, of which one alone can ever be spent."""
    account = new_account()
    paying = Paying(random_scalar(), account.subaddress(1))
    first = transaction([paying.output(XMR)], [paying.public_key])
    again = transaction([paying.output(7 * XMR)], [paying.public_key])
    twice = transaction([paying.output(XMR), paying.output(XMR)], [paying.public_key])
    assert [t.txid for t in transfers([first, again], [account])] == [first.txid]
    assert len(transfers([twice], [account])) == 1


def test_threat_17_public_keys_that_repeat_count_once() -> None:
    """Multiple counting (2017): the same R several times in one transaction; also R moved off the subgroup."""
    account = new_account()
    paying = Paying(random_scalar(), account.subaddress(1))
    key = paying.public_key
    crafted = transaction([paying.output(XMR)], [key, key, plus(key, ORDER_8)], [key, key])
    assert [t.base_units for t in transfers([crafted], [account])] == [XMR]


def test_threat_17_an_amount_that_was_not_committed_to_is_not_credited() -> None:
    account = new_account()
    paying = Paying(random_scalar(), account.subaddress(1))
    assert not transfers([transaction([paying.output(1, claimed=1000 * XMR)], [paying.public_key])], [account])
    no_point = paying.output(XMR)._replace(commitment=b"\xff" * 32)
    assert not transfers([transaction([no_point], [paying.public_key])], [account])


def test_another_merchants_view_key_leads_to_nobodys_address() -> None:
    """Mallory knows her own view key a, and Bob's address (D, C).

    K = Hs(8·a·R)·G + D is found by her key and leads to D. Bob's wallet will never see it.
    """
    mallory, bob = new_account(), new_account()
    spend, _ = bob.subaddress(1)
    paying = Paying(random_scalar(), (spend, times(mallory.view_key, spend)))
    sent = transaction([paying.output(1000 * XMR)], [paying.public_key])
    [found] = transfers([sent], [mallory, bob])
    assert found.destination[:32] == spend
    assert not transfers([sent], [mallory, bob], {bob.destination(1)})


def test_a_public_key_off_the_subgroup_is_read_as_monero_does() -> None:
    """The cofactor in 8·a·R clears it, so the receiver's wallet can spend the output."""
    account = new_account()
    paying = Paying(random_scalar(), account.subaddress(1))
    sent = transaction([paying.output(XMR)], [plus(paying.public_key, ORDER_8)])
    assert [t.base_units for t in transfers([sent], [account])] == [XMR]


def test_a_transaction_full_of_public_keys_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one stands among the first, and the rest is not looked at."""
    account = new_account()
    paying = Paying(random_scalar(), account.subaddress(1))
    asked: list[bytes] = []
    derivation = ViewKey.derivation

    def counted(key: ViewKey, public_key: bytes) -> bytes | None:
        asked.append(public_key)
        return derivation(key, public_key)

    monkeypatch.setattr(ViewKey, "derivation", counted)
    many = [secrets.token_bytes(32) for _ in range(500)]
    crafted = transaction([paying.output(XMR)], [paying.public_key, *many], many)
    assert [t.base_units for t in transfers([crafted], [account])] == [XMR]
    assert len(asked) < 20


@pytest.mark.parametrize(
    "bad", [bytes(32), b"\xff" * 32, b"\x01" + bytes(31), ORDER_8], ids=["0", "ff", "1", "order 8"]
)
def test_keys_that_are_no_points_are_nobodys(bad: bytes) -> None:
    account = new_account()
    paying = Paying(random_scalar(), account.subaddress(1))
    assert not transfers([transaction([paying.output(XMR)], [bad], [bad])], [account])
    for tag in (None, *range(256)):
        broken = paying.output(XMR)._replace(key=bad, view_tag=tag)
        assert not transfers([transaction([broken], [paying.public_key])], [account], {account.destination(1)})


def test_without_a_public_key_nothing_is_found() -> None:
    account = new_account()
    assert not transfers([transaction([Paying(random_scalar(), account.subaddress(1)).output(XMR)], [])], [account])


@pytest.mark.parametrize(
    "secret", [b"", bytes(32), bytes(31), scalar(1) + b"\0", ORDER.to_bytes(32, "little"), b"\xff" * 32]
)
def test_what_is_no_view_key_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match="scalar") as caught:
        ViewKey(secret)
    assert secret.hex() not in str(caught.value) or not secret


def test_a_view_key_is_never_shown() -> None:
    secret = random_scalar()
    key = ViewKey(secret)
    for shown in (repr(key), str(key), f"{[key]}", repr({"key": key})):
        assert shown.replace("[", "").replace("]", "") in {"ViewKey()", "{'key': ViewKey()}"}
    assert not hasattr(key, "__dict__")


def test_a_full_block_is_read_in_a_fraction_of_its_interval() -> None:
    """100 transactions of two outputs, ten accounts, each paid once."""
    accounts = [new_account() for _ in range(10)]
    strangers = [Paying(random_scalar(), new_account().subaddress(1)) for _ in range(90)]
    ours = [Paying(random_scalar(), account.subaddress(9)) for account in accounts]
    block = [transaction([paying.output(XMR), paying.output(1)], [paying.public_key]) for paying in (*strangers, *ours)]
    begin = time.process_time()
    found = transfers(block, accounts, {account.destination(9) for account in accounts})
    seconds = time.process_time() - begin
    assert len(found) == 10
    print(f"{seconds / (len(block) * len(accounts)) * 1e6:.0f} us a transaction and view key")
    assert seconds < CHAIN.interval_seconds / 20


@pytest.mark.parametrize(("unlock_time", "counts"), [(160, True), (0, False), (159, False), (100_000, False)])
def test_threat_18_a_miners_output_counts_only_with_the_lock_that_consensus_asks(
    unlock_time: int, counts: bool
) -> None:
    account = new_account()
    paying = Paying(random_scalar(), account.subaddress(1))
    open_amount = paying.output(XMR)._replace(base_units=5 * XMR, hidden_amount=b"", commitment=b"")
    mined = Transaction("ab" * 32, 100, unlock_time, [open_amount], [paying.public_key], [])
    assert [(t.base_units, t.maturity_blocks) for t in transfers([mined], [account])] == [(5 * XMR, 60)] * counts


def test_threat_18_a_locked_output_is_not_credited() -> None:
    account = new_account()
    paying = Paying(random_scalar(), account.subaddress(1))
    for unlock_time in (1, 1000, 1_800_000_000, secrets.randbelow(2**64 - 1) + 1):
        assert not transfers([transaction([paying.output(XMR)], [paying.public_key], (), unlock_time)], [account])
