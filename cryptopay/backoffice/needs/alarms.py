"""Addresses that did not follow from their key, and were shown to nobody."""

from django.http import HttpRequest

from cryptopay.backoffice.needs.need import SHOWN, Asked, Need, Row, age, listed, mine, page
from keys.models import AddressAlarm


def draw(request: HttpRequest) -> Need:
    found = mine(request, AddressAlarm).order_by("-pk")[:SHOWN]
    rows: list[Row] = [(page(alarm), alarm.found, "", "", age(alarm.found_at)) for alarm in found]
    empty = "Every address follows from its key."
    return Need("Withheld addresses", "gpp_maybe", empty, rows, listed(AddressAlarm), urgent=bool(rows))


ASKED = Asked(AddressAlarm, draw)
