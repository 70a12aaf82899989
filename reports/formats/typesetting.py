"""Texts on paper: broken into lines that fit, each character in a font that has it.

DejaVu Sans comes with this room and into the file: Latin, Greek, Cyrillic, Hebrew, Arabic, Armenian, Georgian and
signs. Chinese, Japanese and Korean are set in the fonts that PDF readers have for them. What no font has is a box.

Arabic letters are joined before a text is broken, and each line is put into the order it is read in after that (the
Unicode bidirectional algorithm, UAX 9): a number in a Hebrew name stays one, and a line begins where its text does.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from arabic_reshaper import ArabicReshaper
from bidi import get_display
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

_FONTS = Path(__file__).parents[1] / "fonts"
_REGULAR, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
_CHINESE, _KOREAN = "STSong-Light", "HYSMyeongJo-Medium"
_EAST_ASIAN = ((0x3000, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF))
_RIGHT_TO_LEFT = {"R", "AL"}
"""Bidirectional classes of letters: Hebrew's and its kin's, Arabic's and its kin's."""
_joined = ArabicReshaper(configuration={"delete_harakat": False}).reshape
_HANGUL = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF))


@dataclass(frozen=True, slots=True)
class Line:
    """Runs of one font each, and how wide they are together, in points."""

    runs: tuple[tuple[str, str], ...]
    width: float


def width(text: str, size: float, *, bold: bool) -> float:
    """In points, as it will be drawn."""
    return _width(_shaped(text), size, bold)


def _width(text: str, size: float, bold: bool) -> float:
    return sum(pdfmetrics.stringWidth(part, font, size) for font, part in _runs(text, bold=bold))


def wrapped(text: str, room: float, size: float, *, bold: bool) -> list[Line]:
    """At spaces where there are some, else anywhere; nothing is left out. At least one line."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    begins = _begins(text)
    parts = _parts(_shaped(text), room, size, bold)
    return [Line(tuple(_runs(_in_order(part, begins), bold=bold)), _width(part, size, bold)) for part in parts]


def draw(canvas: Canvas, line: Line, x: float, y: float, size: float) -> None:
    for font, part in line.runs:
        canvas.setFont(font, size)
        canvas.drawString(x, y, part)
        x += pdfmetrics.stringWidth(part, font, size)


def _begins(text: str) -> str:
    """At the right or the left, as its first letter does; empty: nothing in it is read from the right."""
    if text.isascii():
        return ""
    classes = [found for letter in text if (found := unicodedata.bidirectional(letter)) in {"L", *_RIGHT_TO_LEFT}]
    if not _RIGHT_TO_LEFT & set(classes):
        return ""
    return "R" if classes[0] in _RIGHT_TO_LEFT else "L"


def _shaped(text: str) -> str:
    """Each letter in the form it has beside its neighbours."""
    return str(_joined(text)) if _begins(text) else text


def _in_order(part: str, begins: str) -> str:
    """From left to right as it is seen."""
    return str(get_display(part.strip(), base_dir=begins)) if begins else part


def _parts(text: str, room: float, size: float, bold: bool) -> Iterator[str]:
    while _width(text, size, bold) > room and len(text) > 1:
        end = _fitting(text, room, size, bold)
        space = text.rfind(" ", 1, end + 1)
        end = space if space > 0 else end
        yield text[:end]
        text = text[end:].lstrip()
    yield text


def _fitting(text: str, room: float, size: float, bold: bool) -> int:
    """How many of its first characters fit: at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _width(text[:middle], size, bold) <= room else (low, middle - 1)
    return low


def _runs(text: str, *, bold: bool) -> Iterator[tuple[str, str]]:
    _load()
    own = _BOLD if bold else _REGULAR
    if text.isascii():
        yield own, text
        return
    for font, letters in groupby(text, lambda letter: _font_of(letter, own)):
        yield font, "".join(letters)


def _font_of(letter: str, own: str) -> str:
    code = ord(letter)
    if any(low <= code <= high for low, high in _HANGUL):
        return _KOREAN
    return _CHINESE if any(low <= code <= high for low, high in _EAST_ASIAN) else own


@cache
def _load() -> None:
    for name in (_REGULAR, _BOLD):
        pdfmetrics.registerFont(TTFont(name, str(_FONTS / f"{name}.ttf")))
    for name in (_CHINESE, _KOREAN):
        pdfmetrics.registerFont(UnicodeCIDFont(name))
