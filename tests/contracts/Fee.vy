# pragma version ~=0.4.3
"""
Keeps one hundredth of each transfer; what it logs is up to its owner.
"""
event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

symbol: public(constant(String[4])) = "FEES"
decimals: public(constant(uint8)) = 6
balanceOf: public(HashMap[address, uint256])
owns_up: public(bool)

@external
def mint(receiver: address, amount: uint256):
    self.balanceOf[receiver] += amount
    log Transfer(sender=empty(address), receiver=receiver, value=amount)

@external
def own_up(owns_up: bool):
    self.owns_up = owns_up

@external
def transfer(receiver: address, amount: uint256) -> bool:
    fee: uint256 = amount // 100
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[receiver] += amount - fee
    self.balanceOf[self] += fee
    if self.owns_up:
        log Transfer(sender=msg.sender, receiver=self, value=fee)
        log Transfer(sender=msg.sender, receiver=receiver, value=amount - fee)
    else:
        log Transfer(sender=msg.sender, receiver=receiver, value=amount)
    return True
