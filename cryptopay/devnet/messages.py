"""The words of the payment page in its languages: read off code and templates, kept as .po, compiled as .mo.

Both are kept in the repository, so that nothing need be installed to run it. By Babel, because gettext's own tools are
not everywhere.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from cryptopay.devnet import places

LANGUAGES = ("ar", "de", "es", "fr")
"""Beside English, in which the code is written."""

SOURCES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"cryptopay/checkout": ("cryptopay/checkout/*.py", "templates/checkout/*.html"), "monitor": ("monitor/wording.py",)}
)
"""Room that keeps a catalogue -> where its words stand."""

_KEYWORDS = MappingProxyType({"_": None, "gettext": None, "ngettext": (1, 2)})
_NEVER = datetime(2026, 1, 1, tzinfo=UTC)
"""A catalogue is dated by its commit."""


def path(room: str, language: str) -> Path:
    """Of the .po; the .mo lies beside it."""
    return places.CHECKOUT / room / "locale" / language / "LC_MESSAGES" / "django.po"


def wanted(room: str, language: str) -> Catalog:
    """What code and templates say, untranslated."""
    catalogue = _empty(language)
    for name, message in _spoken(room):
        catalogue.add(message, locations=[(name, 0)])
    return catalogue


def kept(room: str, language: str) -> Catalog:
    """What is translated."""
    file = path(room, language)
    if not file.exists():
        return _empty(language)
    with file.open("rb") as source:
        return read_po(source, locale=language)


def compiled(catalogue: Catalog) -> bytes:
    """As gettext reads it."""
    into = BytesIO()
    write_mo(into, catalogue)
    return into.getvalue()


def refresh() -> int:
    """Brings every .po up to what code and templates say, and every .mo up to its .po; how many words are missing."""
    missing = 0
    for room in SOURCES:
        for language in LANGUAGES:
            catalogue, before = wanted(room, language), kept(room, language)
            for message in catalogue:
                if message.id and (found := before.get(message.id)):
                    message.string = found.string
            _write(path(room, language), catalogue)
            missing += sum(not all(forms(message.string)) for message in catalogue if message.id)
    return missing


def forms(string: str | Sequence[str] | None) -> Sequence[str]:
    """What is said, or each of its plural forms; where nothing is, one that is empty."""
    if string is None or isinstance(string, str):
        return (string or "",)
    return string


def _write(file: Path, catalogue: Catalog) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as into:
        write_po(into, catalogue, width=120, sort_by_file=True, include_lineno=False)
    with file.open("rb") as source:
        file.with_suffix(".mo").write_bytes(compiled(read_po(source, locale=catalogue.locale)))


def _empty(language: str) -> Catalog:
    return Catalog(
        locale=language,
        header_comment="# Words of CryptoPay. make messages brings this file up to date.",
        project="CryptoPay",
        version="0.1.0",
        creation_date=_NEVER,
        revision_date=_NEVER,
        last_translator="CryptoPay",
        language_team="CryptoPay",
        msgid_bugs_address="CryptoPay",
        fuzzy=False,
    )


def _spoken(room: str) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Each message with the file it stands in."""
    for pattern in SOURCES[room]:
        for file in sorted(places.CHECKOUT.glob(pattern)):
            for _line, message, _comments, _context in extract("python", BytesIO(_python(file)), dict(_KEYWORDS)):
                yield str(file.relative_to(places.CHECKOUT)), message


def _python(file: Path) -> bytes:
    """Django turns a template into calls of gettext; indented as its markup was, which means nothing in Python."""
    text = file.read_text()
    if file.suffix == ".html":
        text = re.sub(r"^\s+", "", templatize(text), flags=re.MULTILINE)
    return text.encode()
