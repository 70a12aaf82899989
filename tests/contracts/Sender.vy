# pragma version ~=0.4.3
"""
A contract that pays: several at once, by tokens or coins, in calls that fail, and with its last breath.
"""
from ethereum.ercs import IERC20

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

@payable
@external
def __default__():
    pass

@payable
@external
def pay(receivers: DynArray[address, 20], amount: uint256):
    for receiver: address in receivers:
        raw_call(receiver, b"", value=amount)

@payable
@external
def pay_and_fail(receivers: DynArray[address, 20], amount: uint256):
    for receiver: address in receivers:
        raw_call(receiver, b"", value=amount)
    raise "changed my mind"

@payable
@external
def pay_and_fail_within(receivers: DynArray[address, 20], amount: uint256):
    """
    The inner call fails with all it paid; what follows it stays.
    """
    call_data: Bytes[1000] = abi_encode(receivers, amount, method_id=method_id("pay_and_fail(address[],uint256)"))
    succeeded: bool = raw_call(self, call_data, value=msg.value, revert_on_failure=False)
    assert not succeeded
    raw_call(receivers[0], b"", value=amount)

@payable
@external
def end(receiver: address):
    selfdestruct(receiver)

@external
def pay_tokens(token: address, receivers: DynArray[address, 20], amount: uint256):
    """
    One real transfer each, with a forged log of our own before and after it.
    """
    for receiver: address in receivers:
        log Transfer(sender=msg.sender, receiver=receiver, value=amount)
        extcall IERC20(token).transfer(receiver, amount)
        log Transfer(sender=msg.sender, receiver=receiver, value=amount)

@external
def pay_tokens_and_fail(token: address, receivers: DynArray[address, 20], amount: uint256):
    for receiver: address in receivers:
        extcall IERC20(token).transfer(receiver, amount)
    raise "changed my mind"

@external
def pay_tokens_and_fail_within(token: address, receivers: DynArray[address, 20], amount: uint256):
    call_data: Bytes[1000] = abi_encode(
        token, receivers, amount, method_id=method_id("pay_tokens_and_fail(address,address[],uint256)")
    )
    succeeded: bool = raw_call(self, call_data, revert_on_failure=False)
    assert not succeeded
