"""The texts a node of the Ethereum family gives for numbers, hashes and addresses; whatever else is a `NodeError`.

Source: the Execution API specification (ethereum/execution-apis), its base types.
"""

import re
from datetime import UTC, datetime

from monitor.connectors.base import NodeError

_is_quantity = re.compile(r"0x[0-9a-f]{1,64}").fullmatch
_is_hash = re.compile(r"0x[0-9a-f]{64}").fullmatch
_is_address = re.compile(r"0x[0-9a-fA-F]{40}").fullmatch
_LAST_SECOND = 2**37  # the year 6325: far beyond any block, within what a date can hold


def checked_hash(name: str) -> str:
    if not _is_hash(name):
        raise NodeError("the node's answer is not a hash")
    return name


def number(quantity: str) -> int:
    if not _is_quantity(quantity):
        raise NodeError("the node's answer is not a quantity")
    return int(quantity, 16)


def address(text: str) -> bytes:
    if not _is_address(text):
        raise NodeError("the node's answer is not an address")
    return bytes.fromhex(text[2:])


def time(quantity: str) -> datetime:
    seconds = number(quantity)
    if seconds > _LAST_SECOND:
        raise NodeError("the node's answer is not a time")
    return datetime.fromtimestamp(seconds, UTC)
