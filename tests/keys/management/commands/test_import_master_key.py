import io
import sys
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from keys.importing import first_addresses
from keys.models import MasterKey
from ledger.models import Book
from monitor.chains import CHAINS, Chain

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def command(text: str, book_id: int, chain: str = "bitcoin-regtest", form: str = "") -> str:
        output = io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        call_command("import_master_key", book=book_id, chain=chain, label="Trezor", form=form, stdout=output)
        return output.getvalue()

    return command


def test_a_key_is_imported_and_its_addresses_are_shown_but_not_the_key(
    run: Callable[..., str], new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book, text = new_book(), new_key()
    shown = run(f"{text}\n", book.pk)
    master_key = MasterKey.objects.get(book=book)
    assert (master_key.label, master_key.form) == ("Trezor", "p2wpkh")
    assert all(address in shown for address in first_addresses(master_key))
    assert text not in shown


@pytest.mark.parametrize("chain", [chain for chain in CHAINS.values() if not chain.live], ids=str)
def test_every_chain_takes_its_own_kind_one_part_a_line(
    chain: Chain, run: Callable[..., str], new_book: Callable[[], Book], new_credential: Callable[[Chain], str]
) -> None:
    book, text = new_book(), new_credential(chain)
    shown = run(f"{text}\n", book.pk, chain.code)
    assert first_addresses(MasterKey.objects.get(book=book, chain=chain.code))[2] in shown
    assert text.split()[-1] not in shown or chain.family == "antelope", "an account's name is no secret"


def test_a_form_is_chosen(run: Callable[..., str], new_book: Callable[[], Book], new_key: Callable[..., str]) -> None:
    book = new_book()
    assert "bcrt1p" in run(new_key("m/86'/1'/0'"), book.pk, form="p2tr")
    assert MasterKey.objects.get(book=book).path == "m/86'/1'/0'"


def test_errors_are_told_with_their_code(
    run: Callable[..., str], new_book: Callable[[], Book], new_key: Callable[..., str]
) -> None:
    book = new_book()
    for text, book_id, told in (
        ("", book.pk, "extended_key_invalid"),
        (new_key()[:-1], book.pk, "checksum"),
        (new_key("m/84'/0'/0'", "0488b21e"), book.pk, "another network"),
        (new_key(), book.pk + 1_000_000, "There is no book"),
    ):
        with pytest.raises(CommandError, match=told):
            run(text, book_id)
    with pytest.raises(CommandError, match="takes development chains"):
        run(new_key(), book.pk, "bitcoin")
    with pytest.raises(CommandError, match="no addresses of the form p2wsh"):
        run(new_key(), book.pk, form="p2wsh")
    assert not MasterKey.objects.filter(book=book).exists()
