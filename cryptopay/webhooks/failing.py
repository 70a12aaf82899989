"""Endpoints that have failed for days are switched off, and the merchant's owners are told by mail.

Only where nothing but failures came back for WEBHOOKS_GIVE_UP_AFTER_DAYS, and at least as many as one webhook is tried:
a shop that hears of little is not cut off for two bad moments. One success, by whatever webhook, begins anew.
"""

from collections.abc import Iterable
from pathlib import Path
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.db.models.functions import Now
from django.template.defaultfilters import date
from django.template.loader import render_to_string
from django.urls import reverse

from cryptopay.merchants.models import Membership
from cryptopay.webhooks import endpoints
from cryptopay.webhooks.models import Endpoint
from cryptopay.webhooks.retrying import SCHEDULE_SECONDS

log = structlog.get_logger(__name__)

LEAST_FAILURES = len(SCHEDULE_SECONDS)
_NOTE = (Path(__file__).parent / "sql" / "note.sql").read_text()
_MAIL = "webhooks/email/given_up"


def note(tried: Iterable[tuple[int, bool]]) -> None:
    """Endpoints' keys, and whether they took what was sent. Switches off what has failed for too long."""
    tried = list(tried)
    values = {
        "endpoints": [endpoint for endpoint, _ in tried],
        "delivered": [delivered for _, delivered in tried],
        "least_failures": LEAST_FAILURES,
        "days": settings.WEBHOOKS_GIVE_UP_AFTER_DAYS,
    }
    with connection.cursor() as sql:
        sql.execute(_NOTE, values)
        too_long = [row[0] for row in sql.fetchall()]
    for endpoint in Endpoint.objects.filter(pk__in=too_long):
        since = date(endpoint.failing_since, "j M Y, H:i")
        endpoints.give_up(endpoint, f"Nothing but failures since {since} UTC: {endpoint.failures} attempts")


def tell_owners() -> int:
    """A mail for each endpoint that we switched off; how many. At least once: who crashes after sending sends again."""
    told = 0
    while _tell_one():
        told += 1
    return told


@transaction.atomic
def _tell_one() -> bool:
    waiting = Endpoint.objects.filter(given_up_at__isnull=False, owners_told_at=None).order_by("pk")
    endpoint = waiting.select_for_update(skip_locked=True, no_key=True).first()
    if endpoint is None:
        return False
    addresses = _owners(endpoint)
    try:
        if addresses:
            _mail(endpoint, addresses).send()
    except (SMTPException, OSError) as error:
        log.warning("webhooks.owners_not_told", endpoint=endpoint.public_id, reason=str(error)[:200])
        return False
    Endpoint.objects.filter(pk=endpoint.pk).update(owners_told_at=Now())
    return True


def _owners(endpoint: Endpoint) -> list[str]:
    members = Membership.objects.filter(role=Membership.Role.OWNER, user__is_active=True)
    of_live = members.filter(merchant__live_book=endpoint.book_id)
    of_test = members.filter(merchant__test_book=endpoint.book_id)
    found = (of_live | of_test).exclude(user__email="")
    return sorted(set(found.values_list("user__email", flat=True)))


def _mail(endpoint: Endpoint, addresses: list[str]) -> EmailMessage:
    page = reverse("admin:webhooks_endpoint_change", args=[endpoint.pk])
    context = {"endpoint": endpoint, "page": f"{settings.PUBLIC_URL}{page}", "public_url": settings.PUBLIC_URL}
    subject = " ".join(render_to_string(f"{_MAIL}_subject.txt", context).split())  # of one line, whatever a name has
    return EmailMessage(subject, render_to_string(f"{_MAIL}_message.txt", context), to=addresses)
