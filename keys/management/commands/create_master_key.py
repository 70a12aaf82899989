"""manage.py create_master_key --book ID --chain CODE --label LABEL [--form FORM] [--account N] [--to-file PATH]"""

import os
import secrets
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from keys.errors import KeysError
from keys.importing import import_credential
from keys.management.books import add_book_and_chain, book_of, show_first_addresses
from keys.mnemonics import account_key, new_words, seed_of
from monitor.chains import CHAINS, Chain

_INSTEAD = {
    "antelope": "An account is made on the chain itself. Give its name to import_master_key.",
    "monero": "monero-wallet-cli makes a wallet. Give its primary address and private view key to import_master_key.",
}
_ASKED = 3
_RANDOM = secrets.SystemRandom()
_CLEARED = "\033[2J\033[H"
_OTHER_SCREEN, _FIRST_SCREEN = f"\033[?1049h{_CLEARED}", f"{_CLEARED}\033[?1049l"
"""A terminal's second screen: what was shown there does not stay in the scroll-back."""


class Command(BaseCommand):
    help = (
        "Makes a wallet of 24 words, shows them once, and imports the public half of its account. "
        "The words are stored nowhere: whoever has them has the coins, and nobody can find them again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_book_and_chain(parser)
        parser.add_argument("--label", required=True, help="where the words are kept")
        parser.add_argument(
            "--form", default="", help="p2wpkh, p2tr, p2sh-p2wpkh, p2pkh; the chain's usual one if left out"
        )
        parser.add_argument("--account", type=int, default=0, help="number of the account, from 0")
        parser.add_argument("--to-file", type=Path, help="write the words to a new file that its owner alone reads")

    def handle(
        self, *_: Any, book: int, chain: str, label: str, form: str, account: int, to_file: Path | None, **__: Any
    ) -> None:
        row = CHAINS[chain]
        owner = book_of(book, row)
        self._check(row, form, account, to_file)
        words = new_words()
        try:
            text = account_key(seed_of(words), row, form, account)
            self._hand_over(words, to_file)
            master_key = import_credential(owner, row, text, label, form)
        except KeysError as error:
            raise CommandError(f"{error} [{error.code}]") from error
        show_first_addresses(self, master_key)

    def _check(self, chain: Chain, form: str, account: int, to_file: Path | None) -> None:
        """All that can be refused is refused before there are words."""
        if not chain.extended_key_versions:
            raise CommandError(_INSTEAD.get(chain.family, f"{chain.title} has no wallets of words."))
        if form and form not in chain.address_forms:
            raise CommandError(f"{chain.title} has no addresses of the form {form}: {', '.join(chain.address_forms)}.")
        if not 0 <= account < 1 << 31:
            raise CommandError("An account's number is 0 to 2**31 - 1.")
        if to_file is None and not (self.stdout.isatty() and sys.stdin.isatty()):
            raise CommandError("The words are shown on a terminal alone. Run this in one, or name a file: --to-file.")

    def _hand_over(self, words: str, to_file: Path | None) -> None:
        if to_file is None:
            self._show(words.split())
            return
        try:
            descriptor = os.open(to_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{to_file} cannot be made: {error.strerror}.") from error
        with os.fdopen(descriptor, "w") as file:
            file.write(words + "\n")
            file.flush()
            os.fsync(descriptor)
        self.stdout.write(f"The words are in {to_file}. Move them where no network reaches.")

    def _show(self, words: list[str]) -> None:
        """Once; then three of them are asked for, so that no address is given out whose key nobody wrote down."""
        lines = [f"{number:2}  {word}" for number, word in enumerate(words, 1)]
        self._say(f"{_OTHER_SCREEN}Write these {len(words)} words on paper, in order. They are shown once.\n\n")
        self._say("\n".join(lines) + "\n\nEnter: written down")
        try:
            sys.stdin.readline()
            right = all(self._knows(number, words) for number in sorted(_RANDOM.sample(range(len(words)), _ASKED)))
        finally:
            self._say(_FIRST_SCREEN)
        if not right:
            raise CommandError("That is another word. Nothing was imported; begin again.")

    def _knows(self, number: int, words: list[str]) -> bool:
        self._say(f"{_CLEARED}Word {number + 1}: ")
        return sys.stdin.readline().strip().lower() == words[number]

    def _say(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()
