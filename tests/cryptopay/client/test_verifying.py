"""The sample verifier: what another library signs is taken, and nothing that was changed or is old."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from cryptopay.client import SignatureRefused, WebhookVerifier

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "A" * 32
NOW = 1_772_442_000
EVENT = {
    "id": "evt_1", "type": "invoice.settled", "created_at": "2026-03-02T09:00:00Z", "book": "b", "live": False,
    "subject": "inv_1", "sequence": 3, "data": {"invoice": {"id": "inv_1", "status": "settled"}},
}  # fmt: skip
BODY = json.dumps(EVENT).encode()


def _headers(body: bytes = BODY, secret: str = SECRET, moment: int = NOW) -> dict[str, str]:
    signature = Webhook(secret).sign("evt_1", datetime.fromtimestamp(moment, UTC), body.decode())
    return {"Webhook-Id": "evt_1", "Webhook-Timestamp": str(moment), "Webhook-Signature": signature}


def test_what_is_signed_is_read() -> None:
    event = WebhookVerifier(SECRET).verify(_headers(), BODY, NOW)
    assert (event.type, event.subject, event.sequence) == ("invoice.settled", "inv_1", 3)
    assert event.created_at == datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_two_secrets_while_one_takes_the_others_place() -> None:
    for verifier, signed in ((WebhookVerifier(OTHER, SECRET), SECRET), (WebhookVerifier(SECRET), SECRET)):
        both = _headers(secret=OTHER)["Webhook-Signature"] + " " + _headers(secret=signed)["Webhook-Signature"]
        assert verifier.verify({**_headers(), "Webhook-Signature": both}, BODY, NOW).id == "evt_1"


def _with(name: str, value: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda headers: {**headers, name: value}


def _without(name: str) -> Callable[[dict[str, str]], dict[str, str]]:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


@pytest.mark.parametrize(
    "change",
    [
        _with("Webhook-Id", "evt_2"),
        _with("Webhook-Id", ""),
        _with("Webhook-Timestamp", str(NOW + 1)),
        _with("Webhook-Timestamp", "soon"),
        _with("Webhook-Timestamp", "¹"),
        _with("Webhook-Timestamp", f"-{NOW}"),
        _with("Webhook-Signature", ""),
        _with("Webhook-Signature", "v1,"),
        _with("Webhook-Signature", "v1,é"),
        _with("Webhook-Signature", _headers(secret=OTHER)["Webhook-Signature"]),
        _with("Webhook-Signature", _headers()["Webhook-Signature"].replace("v1,", "v2,")),
        _with("Webhook-Signature", _headers()["Webhook-Signature"].lower()),
        _without("Webhook-Id"),
        _without("Webhook-Timestamp"),
        _without("Webhook-Signature"),
    ],
)
def test_threat_37_changed_headers_are_refused(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    with pytest.raises(SignatureRefused):
        WebhookVerifier(SECRET).verify(change(_headers()), BODY, NOW)


def test_threat_37_a_changed_body_is_refused() -> None:
    for position in range(0, len(BODY), 7):
        altered = bytes([*BODY[:position], BODY[position] ^ 1, *BODY[position + 1 :]])
        with pytest.raises(SignatureRefused):
            WebhookVerifier(SECRET).verify(_headers(), altered, NOW)


@pytest.mark.parametrize(("seconds", "taken"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_threat_37_a_replay_is_refused(seconds: int, taken: bool) -> None:
    verifier = WebhookVerifier(SECRET)
    if taken:
        assert verifier.verify(_headers(), BODY, NOW + seconds)
        return
    with pytest.raises(SignatureRefused, match="too long ago"):
        verifier.verify(_headers(), BODY, NOW + seconds)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"{}x", b'{"created_at": 5}'])
def test_what_is_signed_and_no_event(body: bytes) -> None:
    with pytest.raises(SignatureRefused):
        WebhookVerifier(SECRET).verify(_headers(body), body, NOW)


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), (SECRET, "")])
def test_no_secret_verifies_nothing(secrets: tuple[str, ...]) -> None:
    made: Any = WebhookVerifier
    with pytest.raises(ValueError, match="whsec_"):
        made(*secrets)
