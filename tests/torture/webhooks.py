"""10,000 webhooks to servers at their worst; and 100 endpoints, of which 10 hang.

Retries wait for seconds and hours: here every one is due at once, and nothing else is different.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

from tests.flaky import Shops, check

WEBHOOKS = 10_000
EVENTS_A_SUBJECT = 5
SHOPS = 5
HANGING_BOOKS = 10
ENDPOINTS_A_BOOK = 10
PATIENCE_SECONDS = 240


def run(cases: int | None) -> None:
    from django.conf import settings

    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    flaky(cases or WEBHOOKS)
    hanging(10 if cases is None else max(1, cases // 500))


def flaky(webhooks: int, patience_seconds: float = 2.0) -> None:
    """Each is accepted at least once, in order per subject, signed. `patience_seconds`: for one answer, else 15."""
    from cryptopay.webhooks import delivering
    from cryptopay.webhooks.models import Attempt, Delivery

    shops, expected = Shops(flaky=True), {}
    subjects = webhooks // SHOPS // EVENTS_A_SUBJECT
    try:
        for number in range(SHOPS):
            book_id = _book(f"Shop {number}", shops, [f"/{number}"])
            expected[f"/{number}"] = _tell(book_id, subjects, EVENTS_A_SUBJECT)
        started, rounds = time.monotonic(), 0
        with _patience(patience_seconds):
            while Delivery.objects.filter(state=Delivery.State.WAITING).exists():
                _make_due()
                delivering.deliver_due()
                rounds += 1
        _say("webhooks", sum(map(len, expected.values())), "webhooks")
        _say("attempts", Attempt.objects.count(), "attempts")
        _say("rounds", rounds, "rounds")
        _say("seconds", round(time.monotonic() - started), "s")
        for mood, times in sorted(shops.moods.items()):
            _say(mood.replace(" ", "_"), times, "answers")
        check(shops, expected)
        assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.DELIVERED}
        assert {"drop", "fail", "hang", "twice"} <= shops.moods.keys() or webhooks < WEBHOOKS
    finally:
        shops.stop()


def hanging(events: int, subjects: int = 2) -> None:
    """A tenth of the endpoints never answers; the others have heard everything before one of those has given up."""
    from django.db import connection

    from cryptopay.webhooks import delivering
    from cryptopay.webhooks.models import Attempt

    books = {number: [f"/{number}/{own}" for own in range(ENDPOINTS_A_BOOK)] for number in range(HANGING_BOOKS)}
    shops = Shops(hanging={f"/{number}/0" for number in books})
    expected = {}
    for number, paths in books.items():
        told = _tell(_book(f"Book {number}", shops, paths), subjects, events)
        expected.update(dict.fromkeys(paths, told))
    silent = {path: expected[path] for path in shops.hanging}
    served = {path: told for path, told in expected.items() if path not in silent}

    def deliver() -> None:
        try:
            delivering.deliver_due(run_seconds=2 * PATIENCE_SECONDS)
        finally:
            connection.close()

    before = Attempt.objects.count()
    try:
        with _patience(2 * PATIENCE_SECONDS), ThreadPoolExecutor(1) as threads:
            delivery = threads.submit(deliver)
            try:
                shops.wait_until(
                    lambda: (
                        set(shops.held) >= set(silent)
                        and all(len(shops.accepted[path]) == len(told) for path, told in served.items())
                    ),
                    seconds=PATIENCE_SECONDS,
                )
                assert not any(shops.accepted[path] for path in silent), "those still hang"
            finally:
                shops.released.set()
            delivery.result()
        check(shops, expected)
        _say("endpoints", len(expected), "endpoints")
        _say("hanging", len(silent), "endpoints")
        _say("delivered", Attempt.objects.count() - before, "webhooks")
    finally:
        shops.stop()


def _book(name: str, shops: Shops, paths: list[str]) -> int:
    from cryptopay.merchants.onboarding import create_merchant
    from cryptopay.webhooks import endpoints

    book = create_merchant(name).test_book
    for path in paths:
        _, shops.secrets[path] = endpoints.create(book.pk, shops.url(path))
    return book.pk


def _tell(book_id: int, subjects: int, events: int) -> set[tuple[str, int]]:
    from django.db import transaction

    from cryptopay.webhooks import outbox

    names = [f"inv_{number}" for number in range(subjects)]
    with transaction.atomic(), outbox.together():
        for number in range(events):
            for name in names:
                outbox.enqueue(book_id, "invoice.settled", name, {"number": str(number)})
    return {(name, number + 1) for name in names for number in range(events)}


def _make_due() -> None:
    from django.utils import timezone

    from cryptopay.webhooks.models import Delivery

    past = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(state=Delivery.State.WAITING).update(next_attempt_at=past, claimed_until=None)


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """How long an answer is waited for."""
    from cryptopay.webhooks import delivering

    post: Callable[..., object] = delivering.egress.post
    delivering.egress.post = lambda *request: post(*request, total_seconds=seconds)
    try:
        yield
    finally:
        delivering.egress.post = post


def _say(name: str, value: int, unit: str) -> None:
    print(f"{name} {value} {unit}", flush=True)
