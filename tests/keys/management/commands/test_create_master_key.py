"""A wallet is made at a terminal: a real pseudo-terminal, with a person who reads and types."""

import io
import logging
import os
import pty
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bip_utils import Bip39MnemonicValidator, Bip39SeedGenerator, Bip44, Bip44Changes, Bip44Coins, Bip84, Bip84Coins
from django.core.management import CommandError, call_command

from keys.importing import first_addresses
from keys.models import MasterKey
from ledger.models import Book
from tests.keys.test_models import raw_rows

pytestmark = pytest.mark.django_db


class Person:
    """Copies the words from the screen, then types the ones asked for; `mistaken` types others."""

    def __init__(self, terminal: int, mistaken: bool) -> None:
        self._terminal, self._mistaken = terminal, mistaken
        self.seen, self.words = "", [""]

    def act(self) -> None:
        answered = 0
        while chunk := self._read():
            self.seen += chunk
            if answered == 0 and "written down" in self.seen:
                self.words = re.findall(r"^ ?\d+  ([a-z]+)\r?$", self.seen, re.MULTILINE)
                answered = self._type("")
            asked = re.findall(r"Word (\d+): ", self.seen)
            if answered and len(asked) == answered:
                answered += self._type("zoo zoo" if self._mistaken else self.words[int(asked[-1]) - 1])

    def _read(self) -> str:
        try:
            return os.read(self._terminal, 65536).decode()
        except OSError:  # the other end is closed
            return ""

    def _type(self, text: str) -> int:
        os.write(self._terminal, f"{text}\n".encode())
        return 1


@contextmanager
def _terminal(monkeypatch: pytest.MonkeyPatch, mistaken: bool = False) -> Iterator[tuple[Person, Any]]:
    ours, theirs = pty.openpty()
    person = Person(ours, mistaken)
    acting = threading.Thread(target=person.act)
    acting.start()
    try:
        with open(theirs, "w", closefd=False) as screen, open(theirs, closefd=False) as keyboard:
            monkeypatch.setattr(sys, "stdin", keyboard)
            yield person, screen
    finally:
        os.close(theirs)
        acting.join(timeout=60)
        os.close(ours)


def _after(person: Person) -> str:
    """What stands on the screen behind the words."""
    return person.seen[person.seen.index("\033[?1049l") :]


def _create(book: Book, chain: str = "bitcoin-regtest", **options: Any) -> None:
    call_command("create_master_key", book=book.pk, chain=chain, label="Safe", **options)


def _first_address(words: str, chain: str) -> str:
    """By another library, as another wallet of these words would show it."""
    seed = Bip39SeedGenerator(words).Generate()
    tree = (
        Bip44.FromSeed(seed, Bip44Coins.ETHEREUM)
        if chain == "ethereum-dev"
        else Bip84.FromSeed(seed, Bip84Coins.BITCOIN_REGTEST)
    )
    external = tree.Purpose().Coin().Account(0).Change(Bip44Changes.CHAIN_EXT)
    return str(external.AddressIndex(0).PublicKey().ToAddress())


def test_words_are_shown_once_and_the_public_half_is_imported(
    new_book: Callable[[], Book], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with _terminal(monkeypatch) as (another, screen):
        _create(new_book(), stdout=screen)
    said_of_any = "".join([caplog.text, _after(another), raw_rows().decode("latin-1")])
    book = new_book()
    with _terminal(monkeypatch) as (person, screen):
        _create(book, stdout=screen)
    words = " ".join(person.words)
    assert len(person.words) == 24
    assert Bip39MnemonicValidator().IsValid(words)
    master_key = MasterKey.objects.get(book=book)
    assert _first_address(words, "bitcoin-regtest") == first_addresses(master_key)[0]
    assert first_addresses(master_key)[0] in person.seen
    assert person.seen.index("\033[?1049h") < person.seen.index(person.words[0])
    stored = raw_rows()
    for word in {word for word in person.words if len(word) > 5 and word not in said_of_any}:  # "address" is one, too
        assert word not in caplog.text
        assert word not in _after(person)
        assert word.encode() not in stored


def test_what_was_not_written_down_is_not_imported(
    new_book: Callable[[], Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    book = new_book()
    with _terminal(monkeypatch, mistaken=True) as (_, screen), pytest.raises(CommandError, match="another word"):
        _create(book, stdout=screen)
    assert not MasterKey.objects.filter(book=book).exists()


@pytest.mark.parametrize("chain", ["bitcoin-regtest", "ethereum-dev"])
def test_words_in_a_file_that_its_owner_alone_reads(chain: str, new_book: Callable[[], Book], tmp_path: Path) -> None:
    book, path, output = new_book(), tmp_path / "words", io.StringIO()
    _create(book, chain, to_file=path, stdout=output)
    words = path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert _first_address(words, chain) == first_addresses(MasterKey.objects.get(book=book))[0]
    assert words not in output.getvalue()
    with pytest.raises(CommandError, match="File exists"):
        _create(book, chain, to_file=path, stdout=io.StringIO())
    assert path.read_text().strip() == words


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "on a terminal alone"),
        ({"form": "p2wsh"}, "no addresses of the form p2wsh"),
        ({"account": -1}, "account's number"),
        ({"chain": "bitcoin"}, "takes development chains"),
        ({"chain": "eos-dev"}, "Give its name to import_master_key"),
        ({"chain": "monero-regtest"}, "monero-wallet-cli makes a wallet"),
    ],
)
def test_what_cannot_be_made_is_refused_before_there_are_words(
    options: dict[str, Any], told: str, new_book: Callable[[], Book]
) -> None:
    book, output = new_book(), io.StringIO()
    with pytest.raises(CommandError, match=told):
        _create(book, **options, stdout=output)
    assert output.getvalue() == ""
    assert not MasterKey.objects.filter(book=book).exists()


def test_forms_and_accounts(new_book: Callable[[], Book], tmp_path: Path) -> None:
    book = new_book()
    _create(book, form="p2tr", account=7, to_file=tmp_path / "words", stdout=io.StringIO())
    made = MasterKey.objects.get(book=book)
    assert (made.form, made.path) == ("p2tr", "m/86'/1'/7'")
