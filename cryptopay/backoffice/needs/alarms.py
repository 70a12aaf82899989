"""Addresses that did not follow from their key, and were shown to nobody."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Heading, Need, Row, age, listed, mine, page
from keys.models import AddressAlarm

HEADING = Heading("Withheld addresses", "gpp_maybe")


def find(request: HttpRequest) -> Sequence[QuerySet[Any]]:
    return [mine(request, AddressAlarm).order_by("-pk")[:SHOWN]]


def draw(request: HttpRequest, found: Sequence[list[AddressAlarm]]) -> Need:
    rows: list[Row] = [(page(alarm), alarm.found, "", "", age(alarm.found_at)) for alarm in found[0]]
    empty = "Every address follows from its key."
    return Need(HEADING, empty, rows, listed(AddressAlarm), urgent=bool(rows))


ASKED = Asked(HEADING, AddressAlarm, find, draw)
