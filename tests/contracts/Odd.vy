# pragma version ~=0.4.3
"""
Moves what is asked, and logs it in every form but the one of EIP-20.
"""
symbol: public(constant(String[4])) = "ODDS"
decimals: public(constant(uint8)) = 6
balanceOf: public(HashMap[address, uint256])
TRANSFER: constant(bytes32) = keccak256("Transfer(address,address,uint256)")

@external
def transfer(receiver: address, amount: uint256) -> bool:
    self.balanceOf[receiver] += amount
    sender: bytes32 = convert(convert(msg.sender, uint160), bytes32)
    to: bytes32 = convert(convert(receiver, uint160), bytes32)
    word: bytes32 = convert(amount, bytes32)
    raw_log([TRANSFER, sender, to, word], b"")
    raw_log([TRANSFER, sender, to], concat(word, word))
    raw_log([TRANSFER, sender, to], b"\x01")
    raw_log([TRANSFER, sender, to], b"")
    raw_log([TRANSFER, sender], concat(to, word))
    raw_log([TRANSFER], concat(sender, to, word))
    raw_log([keccak256("Approval(address,address,uint256)"), sender, to], word)
    dirty: bytes32 = convert(convert(receiver, uint256) + 2**160, bytes32)
    raw_log([TRANSFER, sender, dirty], word)
    return True
