"""`manage.py listen`: print events as they come, from any CryptoPay, and hand them to a server on this machine."""

import base64
import binascii
import getpass
import json
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cryptopay.webhooks import listening, signing
from cryptopay.webhooks.listening import Forwarding, Refused, Source, Unreachable

_POLL_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


class Command(BaseCommand):
    help = "Print a book's events as they come, read over REST; post them, signed, to a local server if you like."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--server", default=settings.PUBLIC_URL, help="whose events (%(default)s)")
        parser.add_argument("--key", help="an API key with webhooks:read; asked for, or read from a pipe, if not given")
        parser.add_argument("--after", metavar="EVENT", help="begin behind this event's id, or with all: start")
        parser.add_argument("--types", default="", help="only these, such as invoice.settled,payment.confirmed")
        parser.add_argument("--forward-to", metavar="URL", help="post each to this server, signed as webhooks are")
        parser.add_argument("--secret", help="whsec_... to sign with; a new one is made and shown, if not given")
        parser.add_argument("--json", action="store_true", help="print events whole, one a line")
        parser.add_argument("--once", action="store_true", help="end when there is nothing more")

    def handle(self, *args: Any, **options: Any) -> None:
        self._forwarding = self._forward(options["forward_to"], options["secret"])
        self._types = frozenset(filter(None, options["types"].split(",")))
        self._whole = options["json"]
        key = options["key"] or _asked_for_key()
        with closing(Source(options["server"], key, options["after"])) as source, self._until_interrupted():
            try:
                self._listen(source, once=options["once"])
            except (Refused, httpx.InvalidURL) as refusal:
                raise CommandError(str(refusal)) from None
        self.stderr.write(f"To go on from here: --after {source.after or listening.START}")

    @contextmanager
    def _until_interrupted(self) -> Iterator[None]:
        """Ctrl-C ends it behind the event that is being shown: an exception in the midst of one might be swallowed. The
        second one ends it at once."""
        self._interrupted = Event()

        def interrupt(*_: object) -> None:
            self._interrupted.set()
            signal.signal(signal.SIGINT, signal.default_int_handler)

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _listen(self, source: Source, *, once: bool) -> None:
        pause = _POLL_SECONDS
        while not self._interrupted.is_set():
            try:
                for event in source.come():
                    if self._interrupted.is_set():
                        return
                    self._show(event)
                if once:
                    return
                pause = _POLL_SECONDS
            except Unreachable as failure:
                if once:
                    raise CommandError(str(failure)) from None
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                self.stderr.write(f"{failure}. Asking again in {pause:g} seconds.")
            self._interrupted.wait(pause)

    def _show(self, event: dict[str, Any]) -> None:
        if not listening.wanted(event["type"], self._types):
            return
        answer = f"  -> {self._forwarding.send(event, int(time.time()))}" if self._forwarding else ""
        self.stdout.write(json.dumps(event) if self._whole else listening.line(event) + answer)
        self.stdout.flush()

    def _forward(self, url: str | None, secret: str | None) -> Forwarding | None:
        if url is None:
            return None
        if secret is None:
            secret = signing.secret_text(secrets.token_bytes(32))
            self.stderr.write(f"Verify what comes with {secret}")
        try:
            return Forwarding(url, base64.b64decode(secret.removeprefix("whsec_"), validate=True))
        except binascii.Error:
            raise CommandError("The secret is none: whsec_ and base64.") from None


def _asked_for_key() -> str:
    """Not on the command line, where others on the machine see it."""
    key = getpass.getpass("API key: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not key.strip():
        raise CommandError("An API key is needed: --key, or through a pipe.")
    return key.strip()
