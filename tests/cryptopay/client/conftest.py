"""The client against the application itself, by WSGI, within the test's transaction."""

from collections.abc import Iterator

import httpx
import pytest
from django.core.wsgi import get_wsgi_application

from cryptopay.client import Client
from tests.cryptopay.api.conftest import Caller, _chains_on, alice, charlie
from tests.cryptopay.api.test_fuzz import connection_kept

__all__ = ["_chains_on", "alice", "charlie"]


def application(request: httpx.Request) -> httpx.Response:
    """Its answer, read to the end."""
    with connection_kept():
        answer = httpx.WSGITransport(app=get_wsgi_application()).handle_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.read())


@pytest.fixture
def client(alice: Caller) -> Iterator[Client]:
    """Alice's program."""
    with Client("http://testserver", alice.secret, transport=httpx.MockTransport(application)) as made:
        yield made
