# pragma version ~=0.4.3
"""
Balances grow by themselves, whenever the owner turns the factor.
"""
event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

symbol: public(constant(String[4])) = "GROW"
decimals: public(constant(uint8)) = 6
factor: public(uint256)
shares: HashMap[address, uint256]

@deploy
def __init__():
    self.factor = 1

@external
def mint(receiver: address, amount: uint256):
    self.shares[receiver] += amount
    log Transfer(sender=empty(address), receiver=receiver, value=amount * self.factor)

@external
def rebase(factor: uint256):
    self.factor = factor

@view
@external
def balanceOf(holder: address) -> uint256:
    return self.shares[holder] * self.factor

@external
def transfer(receiver: address, amount: uint256) -> bool:
    moved: uint256 = amount // self.factor
    self.shares[msg.sender] -= moved
    self.shares[receiver] += moved
    log Transfer(sender=msg.sender, receiver=receiver, value=amount)
    return True
