"""What is credited is what was delivered, never what somebody claims (the partial-payment trap of XRP's `Amount`)."""

from hypothesis import example, given
from hypothesis import strategies as st

from monitor.connectors import evm_tokens
from monitor.connectors.evm_tokens import Log

BLOCK, TX = "0x" + "ab" * 32, "0x" + "cd" * 32
TOKEN, PAYER, PAYEE = "0x" + "11" * 20, bytes([2]) * 20, bytes([3]) * 20
words = st.integers(min_value=0, max_value=2**256 - 1)


def _call(claimed: int) -> str:
    return f"0xa9059cbb{PAYEE.hex():0>64}{claimed:064x}"


def _log(delivered: int) -> Log:
    topics = [evm_tokens.TRANSFER, f"0x{PAYER.hex():0>64}", f"0x{PAYEE.hex():0>64}"]
    return Log(TOKEN, topics, f"0x{delivered:064x}", BLOCK, TX)


@given(claimed=words, delivered=st.lists(words, max_size=4))
@example(claimed=2**256 - 1, delivered=[])
@example(claimed=1000, delivered=[1])
def test_threat_23_a_token_payment_is_what_the_log_delivered(claimed: int, delivered: list[int]) -> None:
    """Unmined, the call's claim may be shown; once mined, no other number than the logs' reaches the books."""
    moved = evm_tokens.moves(BLOCK, [(TX, [_log(base_units) for base_units in delivered])], {TOKEN})
    assert [transfer.base_units for transfer in moved.arrived] == [one for one in delivered if one]
    assert len({transfer.key for transfer in moved.arrived}) == len(moved.arrived)
    shown = evm_tokens.expected(TX, TOKEN, _call(claimed))
    mined = {transfer.key for transfer in moved.arrived}
    if shown is not None and (not delivered or delivered[0] != claimed):
        assert shown.key not in mined, "a claim is taken for the delivery of another amount"
    elif shown is not None:
        assert (shown.key, shown.base_units) == (moved.arrived[0].key, claimed)
