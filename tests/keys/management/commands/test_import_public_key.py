import io
import sys
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from keys.importing import first_addresses
from keys.models import MasterKey
from ledger.models import Book

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def command(text: str, book_id: int, chain: str = "bitcoin-regtest") -> str:
        output = io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        call_command("import_public_key", book=book_id, chain=chain, label="Trezor", stdout=output)
        return output.getvalue()

    return command


def test_a_key_is_imported_and_its_addresses_are_shown_but_not_the_key(
    run: Callable[..., str], new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book, text = new_book(), new_key()
    shown = run(f"{text}\n", book.pk)
    master_key = MasterKey.objects.get(book=book)
    assert master_key.label == "Trezor"
    assert all(address in shown for address in first_addresses(master_key))
    assert text not in shown


def test_errors_are_told_with_their_code(
    run: Callable[..., str], new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book = new_book()
    for text, book_id, told in (
        ("", book.pk, "extended_key_invalid"),
        (new_key()[:-1], book.pk, "checksum"),
        (new_key(), book.pk + 1_000_000, "There is no book"),
    ):
        with pytest.raises(CommandError, match=told):
            run(text, book_id)
    with pytest.raises(CommandError, match="another network"):
        run(new_key(), book.pk, "bitcoin")
    assert not MasterKey.objects.filter(book=book).exists()
