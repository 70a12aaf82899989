"""Signatures, judged by the public verifier."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from cryptopay.webhooks import signing

SECRET = bytes(range(32))
TEXT = signing.secret_text(SECRET)
ID = "evt_01jd"
BODY = json.dumps(
    {"type": "invoice.settled", "book": "book_1", "data": {"amount": "0.10"}}, ensure_ascii=False
).encode()


def signed(seconds_ago: int = 0, secrets: tuple[bytes, ...] = (SECRET,)) -> dict[str, str]:
    return signing.headers(secrets, ID, int(time.time()) - seconds_ago, BODY)


def test_the_specifications_own_example() -> None:
    """Standard Webhooks, and the verifier libraries' shared test vector."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signing.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_we_sign_verifies() -> None:
    assert Webhook(TEXT).verify(BODY, signed()) == json.loads(BODY)


@given(position=st.integers(0, len(BODY) - 1), bit=st.integers(0, 6))
def test_threat_37_one_changed_bit_of_the_body_is_refused(position: int, bit: int) -> None:
    body = bytearray(BODY)
    body[position] ^= 1 << bit
    with pytest.raises(WebhookVerificationError):
        Webhook(TEXT).verify(bytes(body), signed())


@given(position=st.integers(0, 31), bit=st.integers(0, 7))
def test_threat_37_one_changed_bit_of_the_signature_is_refused(position: int, bit: int) -> None:
    headers = signed()
    digest = bytearray(base64.b64decode(headers["webhook-signature"].removeprefix("v1,")))
    digest[position] ^= 1 << bit
    headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    with pytest.raises(WebhookVerificationError):
        Webhook(TEXT).verify(BODY, headers)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "evt_01je"},
        {"webhook-timestamp": str(int(time.time()) + 60)},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    ],
)
def test_threat_37_a_changed_header_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(TEXT).verify(BODY, signed() | change)


@pytest.mark.parametrize("seconds_ago", [301, 3600, -301])
def test_threat_37_a_replay_after_five_minutes_is_refused(seconds_ago: int) -> None:
    with pytest.raises(WebhookVerificationError, match=r"too old|too new"):
        Webhook(TEXT).verify(BODY, signed(seconds_ago))


def test_threat_37_signed_for_another_merchant_is_refused() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(TEXT).verify(BODY, signed(secrets=(b"\x01" * 32,)))
