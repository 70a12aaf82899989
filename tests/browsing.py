"""Chromium, kept from talking to anybody by itself, in which tests look at pages as people do."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from playwright.sync_api import Browser, expect, sync_playwright

from cryptopay.devnet import chromium

_PATIENCE_SECONDS = 60
"""What is expected of a page is waited for so long: the machine may be busy."""


@contextmanager
def chromium_of_ours() -> Iterator[Browser]:
    """A module's, not the session's: while it runs Playwright keeps an event loop in this thread, which Django would
    take for a sign that queries are made from asynchronous code.
    """
    quiet = ["background-networking", "component-update", "sync", "gpu", "quic"]
    switches = ["--no-sandbox", "--no-first-run", *(f"--disable-{part}" for part in quiet)]
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        expect.set_options(timeout=_PATIENCE_SECONDS * 1000)
        found = playwright.chromium.launch(executable_path=str(chromium.path()), args=switches)
        yield found
        found.close()
        connections.close_all()  # those opened beside the event loop, which nobody finds once it is gone
