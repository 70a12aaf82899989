"""What a merchant says of the payment page: who may frame it, whom payers ask."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, URLValidator

MOST_ORIGINS = 20
_WEB = r"https://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?"
_LOCAL = r"http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?"
_ORIGIN = f"({_WEB}|{_LOCAL})"
ORIGINS = f"^{_ORIGIN}(\n{_ORIGIN})*$"
"""Scheme, host and port, and nothing that means anything in a Content-Security-Policy: no space, no ";", no "*"."""


def origins(text: str) -> list[str]:
    """Those of a text with one a line, as browsers write them; in what order they came, each once."""
    return list(dict.fromkeys(word.lower().removesuffix("/") for word in text.split()))


def may_frame(text: str, *, live: bool) -> list[str]:
    """The origins that may frame the payment page; where real money is paid, no page without TLS."""
    fit = re.compile(_WEB if live else _ORIGIN)
    return [origin for origin in origins(text) if fit.fullmatch(origin)]


def check_origins(text: str) -> None:
    """Raises `ValidationError`."""
    found = origins(text)
    wrong = [origin for origin in found if not re.fullmatch(_ORIGIN, origin)]
    if wrong:
        words = f"{wrong[0]} is no origin. Write scheme and host, without a path: https://shop.example"
        raise ValidationError(words, code="origin_invalid")
    if len(found) > MOST_ORIGINS:
        raise ValidationError(f"At most {MOST_ORIGINS} origins.", code="too_many_origins")


def check_contact(text: str) -> None:
    """Raises `ValidationError`."""
    if text.startswith("https://"):
        URLValidator(schemes=["https"])(text)
    else:
        EmailValidator("Write an e-mail address, or an address that begins with https://")(text)
