"""Small contracts for a development chain of the Antelope family, put together byte by byte: no compiler is at hand.

Each is a WebAssembly module that exports `apply(receiver, code, action)` and calls one intrinsic of the node.
Source: the WebAssembly core specification 1.0, binary format.
"""

from cryptopay.testmode.faucets.antelope import Action, pack_name

_I32, _I64 = 0x7F, 0x7E
_APPLY = bytes([0x60, 3, _I64, _I64, _I64, 0])


def forwarder(to: str) -> bytes:
    """Tells account `to` of every action it runs or hears of, by `require_recipient`: a forged notice."""
    call = b"\x42" + _signed(int.from_bytes(pack_name(to), "little", signed=True)) + b"\x10\x00"
    return _module("require_recipient", bytes([0x60, 1, _I64, 0]), call)


def sender(action: Action) -> bytes:
    """Runs `action` itself, inline, when it is called and not when it is told. Its account needs `eosio.code`."""
    packed = pack_name(action.contract) + pack_name(action.name) + b"\1"
    packed += pack_name(action.actor) + pack_name("active") + _counted(action.data)
    is_called = b"\x20\x00\x20\x01\x51\x04\x40"
    call = is_called + b"\x41\x00\x41" + _signed(len(packed)) + b"\x10\x00\x0b"
    return _module("send_inline", bytes([0x60, 2, _I32, _I32, 0]), call, memory=packed)


def _module(intrinsic: str, kind: bytes, body: bytes, memory: bytes = b"") -> bytes:
    imported = _counted(b"env") + _counted(intrinsic.encode()) + b"\x00\x00"
    code = _counted(b"\x00" + body + b"\x0b")
    sections = [
        (1, b"\x02" + kind + _APPLY),
        (2, b"\x01" + imported),
        (3, b"\x01\x01"),
        (5, b"\x01\x00\x01"),
        (7, b"\x01" + _counted(b"apply") + b"\x00\x01"),
        (10, b"\x01" + code),
    ]
    if memory:
        sections.append((11, b"\x01\x00\x41\x00\x0b" + _counted(memory)))
    return b"\0asm\x01\0\0\0" + b"".join(bytes([number]) + _counted(content) for number, content in sections)


def _counted(content: bytes) -> bytes:
    length, out = len(content), bytearray()
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*out, length]) + content


def _signed(number: int) -> bytes:
    """LEB128 with a sign."""
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        if (number == 0 and not byte & 0x40) or (number == -1 and byte & 0x40):
            return bytes([*out, byte])
        out.append(byte | 0x80)
