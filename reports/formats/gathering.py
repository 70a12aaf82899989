"""Many small texts as fewer pieces: one by one, each would be a packet of its own."""

from collections.abc import Iterable, Iterator

_TEXTS_A_PIECE = 200


def gathered(texts: Iterable[str]) -> Iterator[bytes]:
    """Some hundred rows at a time, as UTF-8."""
    held: list[str] = []
    for text in texts:
        held.append(text)
        if len(held) == _TEXTS_A_PIECE:
            yield "".join(held).encode()
            held.clear()
    yield "".join(held).encode()
