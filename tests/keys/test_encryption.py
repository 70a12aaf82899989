from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import encryption
from keys.errors import EncryptionKeyMissing, SealedKeyUnreadable


@given(st.binary(max_size=200), st.integers(1, 2**63))
def test_round_trip(plain: bytes, book_id: int) -> None:
    sealed = encryption.seal(plain, book_id=book_id, chain="bitcoin")
    assert encryption.unseal(sealed, book_id=book_id, chain="bitcoin", version=1) == plain
    assert sealed != encryption.seal(plain, book_id=book_id, chain="bitcoin")


def test_a_flipped_bit_anywhere_is_noticed() -> None:
    sealed = encryption.seal(b"x" * 78, book_id=1, chain="bitcoin")
    for place in range(len(sealed) * 8):
        wrong = bytearray(sealed)
        wrong[place // 8] ^= 1 << place % 8
        with pytest.raises(SealedKeyUnreadable):
            encryption.unseal(bytes(wrong), book_id=1, chain="bitcoin", version=1)


@pytest.mark.parametrize(
    "where",
    [
        {"book_id": 2, "chain": "bitcoin", "version": 1},
        {"book_id": 1, "chain": "litecoin", "version": 1},
        {"book_id": 1, "chain": "bitcoin", "version": 2},
    ],
)
def test_a_ciphertext_opens_only_where_it_was_sealed(where: dict[str, Any]) -> None:
    with pytest.raises(SealedKeyUnreadable):
        encryption.unseal(encryption.seal(b"x", book_id=1, chain="bitcoin"), **where)


@pytest.mark.parametrize("sealed", [b"", b"x", b"x" * 12, b"x" * 27])
def test_a_truncated_ciphertext_is_unreadable(sealed: bytes) -> None:
    with pytest.raises(SealedKeyUnreadable):
        encryption.unseal(sealed, book_id=1, chain="bitcoin", version=1)


def test_another_secret_opens_nothing_and_fingerprints_otherwise(settings: Any) -> None:
    sealed, before = encryption.seal(b"x", book_id=1, chain="bitcoin"), encryption.fingerprint(b"x")
    settings.KEYS_ENCRYPTION_KEY = bytes(range(32))
    assert encryption.fingerprint(b"x") != before
    with pytest.raises(SealedKeyUnreadable):
        encryption.unseal(sealed, book_id=1, chain="bitcoin", version=1)


@pytest.mark.parametrize("secret", [None, b"", b"short", bytes(31), bytes(33), bytes(32), "x" * 32, b"x" * 32])
def test_threat_38_a_missing_or_default_secret_encrypts_nothing(secret: object, settings: Any) -> None:
    settings.KEYS_ENCRYPTION_KEY = secret
    for attempt in (
        lambda: encryption.seal(b"x", book_id=1, chain="bitcoin"),
        lambda: encryption.unseal(b"x" * 40, book_id=1, chain="bitcoin", version=1),
        lambda: encryption.fingerprint(b"x"),
    ):
        with pytest.raises(EncryptionKeyMissing) as refusal:
            attempt()
        assert "xxxx" not in str(refusal.value)


def test_threat_38_a_setting_that_does_not_exist(settings: Any) -> None:
    del settings.KEYS_ENCRYPTION_KEY
    with pytest.raises(EncryptionKeyMissing):
        encryption.fingerprint(b"x")
