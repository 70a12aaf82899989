"""In which language a payer is spoken to, and numbers and times as that language writes them.

An amount to be sent is not among them: wallets read a point, so it stands everywhere as it is typed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.http import HttpRequest
from django.utils.formats import date_format, number_format
from django.utils.translation import get_language_info, get_supported_language_variant
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header

CODES = tuple(code for code, _name in settings.LANGUAGES)


@dataclass(frozen=True, slots=True)
class Language:
    """One the page has. `name` is its own name for itself."""

    code: str
    name: str
    shown: bool


def chosen(request: HttpRequest, merchants: str = "") -> str:
    """`?lang=`, else the first that the browser asks for and the page has, else the merchant's, else English."""
    return named(request) or _accepted(request) or merchants or settings.LANGUAGE_CODE


def named(request: HttpRequest) -> str:
    """What `?lang=` asks for; empty: nothing, or none that the page has."""
    code = request.GET.get("lang", "")
    return code if code in CODES else ""


def every(shown: str) -> list[Language]:
    """For a payer to choose from."""
    return [Language(code, get_language_info(code)["name_local"].capitalize(), code == shown) for code in CODES]


def number(exact: str) -> str:
    """All the digits of a plain decimal, grouped and separated as the language does."""
    return number_format(Decimal(exact), use_l10n=True, force_grouping=True)


def moment(at: datetime, now: datetime) -> str:
    """The time of day, with its date unless that is today's."""
    at = at.astimezone(UTC)
    time = isolated(f"{at:%H:%M} UTC")
    if at.date() == now.astimezone(UTC).date():
        return time
    return _("%(date)s, %(time)s") % {"date": date_format(at, "DATE_FORMAT"), "time": time}


def isolated(text: str) -> str:
    """Within a sentence of the other direction it stays together and moves nothing (UAX #9, isolates)."""
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"


def _accepted(request: HttpRequest) -> str:
    for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        try:
            return get_supported_language_variant(code)
        except LookupError:
            continue
    return ""
