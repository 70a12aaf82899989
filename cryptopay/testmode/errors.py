"""Why test mode did not act. Each has a stable `code`; `pointer` names the field of the request, if any."""

from typing import ClassVar


class TestModeError(Exception):
    """Refused."""

    code: ClassVar[str] = "test_mode_error"

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class TestKeyNeeded(TestModeError):
    """Real money is never paid, mined or turned at a call."""

    code = "test_key_needed"


class TestModeOff(TestModeError):
    """The operator has named no faucet for this chain."""

    code = "test_mode_off"


class NoDevelopmentChain(TestModeError):
    """The node at the faucet's address does not say that it is on the development chain it should be."""

    code = "not_a_development_chain"


class UnavailableOnChain(TestModeError):
    """What this kind of chain, or its development node, cannot do."""

    code = "test_action_unavailable"


class FaucetRefused(TestModeError):
    """The development node answered, and would not: too little money, too low a fee."""

    code = "faucet_refused"


class FaucetSilent(TestModeError):
    """The development node gave no usable answer."""

    code = "faucet_unavailable"


class FaucetBusy(TestModeError):
    """Somebody else is paying or mining on this chain, and takes long."""

    code = "faucet_busy"


class MiningLimited(TestModeError):
    """A book mines only so many blocks a minute."""

    code = "mining_limited"


class NothingDue(TestModeError):
    """There is nothing left to pay: a share of it is nothing, too."""

    code = "nothing_due"


class MethodMissing(TestModeError):
    """No coin was chosen for this invoice, and none was named; or the coin named is not this address's."""

    code = "test_method_missing"


class AmountRefused(TestModeError):
    """An amount or a share and no more than one of them, and more than nothing."""

    code = "test_amount_invalid"


class NothingToReplace(TestModeError):
    """No payment that test mode made for it is still unconfirmed."""

    code = "nothing_to_double_spend"


class TooDeep(TestModeError):
    """The chain has not so many blocks, or what stands below them must stay."""

    code = "reorg_too_deep_for_chain"
