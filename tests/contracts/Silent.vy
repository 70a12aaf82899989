# pragma version ~=0.4.3
"""
Says false where it should revert: the transaction succeeds and nothing moves.
"""
symbol: public(constant(String[4])) = "USDX"
decimals: public(constant(uint8)) = 6
balanceOf: public(HashMap[address, uint256])

@external
def transfer(receiver: address, amount: uint256) -> bool:
    return False
