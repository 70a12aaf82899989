"""Deadlines stand in the database and nowhere else: whoever sweeps next, in whatever process, finds what is due."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

import cryptopay
from cryptopay.celery import app
from cryptopay.payments import lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Invoice
from ledger.models import Book

ROOMS = [Path(cryptopay.__file__).parent / room for room in ("payments", "api", "checkout", "merchants")]
TIMERS = {"Timer", "call_later", "call_at", "countdown", "eta", "sched", "expires"}
"""Of threads, of event loops, and of tasks that a broker would have to remember."""


def timers(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            told = {called} | {
                word.arg for word in node.keywords if called in ("apply_async", "send_task") and word.arg
            }
            yield from told & TIMERS


def test_nothing_is_timed_in_memory() -> None:
    samples = ("threading.Timer(900, expire)", "expire.apply_async([7], countdown=900)", "loop.call_later(900, expire)")
    assert all(list(timers(sample)) for sample in samples)
    sources = [path for room in ROOMS for path in room.rglob("*.py")]
    assert len(sources) > 60
    found = {str(path): words for path in sources if (words := list(timers(path.read_text())))}
    assert not found


@pytest.mark.django_db
def test_what_is_due_is_found_by_whoever_looks(alice: Book) -> None:
    """The beat rings every few seconds; what it missed while it was down is found at the next ring."""
    (every,) = [entry["schedule"] for entry in app.conf.beat_schedule.values() if entry["task"] == "payments.sweep"]
    assert every <= 60
    for seconds in (60, 120, 3600):
        lifecycle.open_invoice(alice, NewInvoice(amount="5", currency="EUR", expires_in_seconds=seconds))
    assert lifecycle.sweep(timezone.now() + timedelta(seconds=121)) == 2
    statuses = Invoice.objects.order_by("expires_at").values_list("status", flat=True)
    assert list(statuses) == ["expired", "expired", "new"]
    assert lifecycle.sweep(timezone.now() + timedelta(seconds=121)) == 0
