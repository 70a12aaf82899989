"""`manage.py listen`: a developer hears of events on his own machine, and misses none."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django.live_server_helper import LiveServer

from cryptopay.merchants import api_keys
from cryptopay.merchants.onboarding import create_merchant
from cryptopay.webhooks import listening, outbox, signing
from ledger.models import Book
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = signing.secret_text(bytes(range(32)))


class Developer:
    """With a key of one test book."""

    def __init__(self, server: str) -> None:
        merchant = create_merchant("Alice's")
        self.server = server
        self.book: Book = merchant.test_book
        _, self.key = api_keys.create(merchant, "laptop", live=False, scopes=["webhooks:read"])

    def tell(self, *subjects: str, name: str = "invoice.settled") -> None:
        with transaction.atomic():
            for subject in subjects:
                outbox.enqueue(self.book.pk, name, subject, {"number": subject})

    def listen(self, **options: Any) -> tuple[list[str], str]:
        """Lines that were printed, and what was said beside them."""
        printed, said = StringIO(), StringIO()
        given = {"server": self.server, "key": self.key, "once": True, **options}
        call_command("listen", stdout=printed, stderr=said, **given)
        return printed.getvalue().splitlines(), said.getvalue()


@pytest.fixture
def developer(live_server: LiveServer) -> Developer:
    return Developer(live_server.url)


def cursor(said: str) -> str:
    return said.rpartition("--after ")[2].strip()


def test_everything_from_the_start_and_later_the_rest(developer: Developer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_PAGE", 2)
    developer.tell("inv_1", "inv_2", "inv_3")
    printed, said = developer.listen(after="start")
    assert [line.split()[2:4] for line in printed] == [["invoice.settled", f"inv_{number}"] for number in (1, 2, 3)]
    assert cursor(said) == printed[-1].split()[4]
    developer.tell("inv_4")
    printed, said = developer.listen(after=cursor(said))
    assert [line.split()[3] for line in printed] == ["inv_4"]
    assert developer.listen(after=cursor(said))[0] == []


@pytest.mark.parametrize("known", [0, 1, 5])
def test_from_now_on(developer: Developer, known: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest page of those that are known is passed over, however many there are."""
    monkeypatch.setattr(listening, "_PAGE", 2)
    developer.tell(*(f"inv_{number}" for number in range(known)))
    with closing(listening.Source(developer.server, developer.key)) as source:
        assert list(source.come()) == []
        developer.tell("inv_new")
        assert [event["subject"] for event in source.come()] == ["inv_new"]
        assert list(source.come()) == []


def test_forwarded_signed_in_order_whatever_is_answered(developer: Developer, receiver: Receiver) -> None:
    developer.tell("inv_1", "inv_1", "inv_2")
    developer.tell("inv_3", name="invoice.created")
    receiver.answer_with(500, 204, 302)
    printed, _ = developer.listen(
        after="start", forward_to=receiver.url, secret=SECRET, types="invoice.settled,payment.confirmed"
    )
    assert [(event["subject"], event["sequence"]) for event in receiver.events(SECRET)] == [
        ("inv_1", 1), ("inv_1", 2), ("inv_2", 1),
    ]  # fmt: skip
    assert [line.rpartition("-> ")[2] for line in printed] == ["500", "204", "302"]


def test_a_new_secret_is_shown_and_a_server_that_is_off_is_said(developer: Developer, receiver: Receiver) -> None:
    developer.tell("inv_1")
    _, said = developer.listen(after="start", forward_to=receiver.url)
    shown = next(word for word in said.split() if word.startswith("whsec_"))
    assert receiver.events(shown)
    receiver.stop()
    printed, _ = developer.listen(after="start", forward_to=receiver.url)
    assert printed[0].endswith("-> ConnectError")


def test_whole_events_one_a_line(developer: Developer) -> None:
    developer.tell("inv_1", "inv_2")
    printed, _ = developer.listen(after="start", json=True)
    assert [json.loads(line)["data"] for line in printed] == [{"number": "inv_1"}, {"number": "inv_2"}]


def test_refusals_end_it_and_say_why(developer: Developer, receiver: Receiver) -> None:
    for options in (
        {"key": "sk_test_" + "0" * 64},
        {"after": "evt_nowhere"},
        {"server": receiver.url},
        {"server": "http://127.0.0.1:1"},
        {"forward_to": receiver.url, "secret": "whsec_?"},
    ):
        with pytest.raises(CommandError):
            developer.listen(**options)


def test_what_is_down_for_a_while_is_asked_again(developer: Developer, monkeypatch: pytest.MonkeyPatch) -> None:
    developer.tell("inv_1")
    with closing(listening.Source(developer.server, developer.key, "start")) as source:
        get, answers = source._http.get, [httpx.Response(503), httpx.Response(429)]
        monkeypatch.setattr(source._http, "get", lambda *ask, **query: answers.pop() if answers else get(*ask, **query))
        for _ in range(2):
            with pytest.raises(listening.Unreachable):
                list(source.come())
        assert [event["subject"] for event in source.come()] == ["inv_1"]


def test_as_they_come_until_it_is_stopped(developer: Developer) -> None:
    """A process of its own, its key through a pipe and not for others on the machine to see."""
    words = ["manage.py", "listen", "--server", developer.server, "--after", "start"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, *words], env=dict(os.environ), **pipes) as listener:  # type: ignore[call-overload]
        try:
            listener.stdin.write(f"{developer.key}\n")
            listener.stdin.flush()
            for subject in ("inv_1", "inv_2"):
                developer.tell(subject)
                assert subject in listener.stdout.readline()
            listener.send_signal(signal.SIGINT)
            _, said = listener.communicate(timeout=60)
        finally:
            listener.kill()
    assert cursor(said).startswith("evt_")
