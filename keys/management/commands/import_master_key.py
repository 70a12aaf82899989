"""manage.py import_master_key --book ID --chain CODE --label LABEL [--form FORM] < key.txt"""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from keys.errors import KeysError
from keys.formats import format_of
from keys.importing import import_credential
from keys.management.books import add_book_and_chain, book_of, show_first_addresses
from monitor.chains import CHAINS, Chain


class Command(BaseCommand):
    help = (
        "Imports what a chain's addresses are made from (an extended public key, an account name, an address and its "
        "private view key), read from standard input, one part a line, and shows the first addresses for comparison."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_book_and_chain(parser)
        parser.add_argument("--label", required=True, help="which wallet or device holds the private key")
        parser.add_argument("--form", default="", help="p2wpkh, p2tr, p2sh-p2wpkh or p2pkh, where an xpub may mean any")

    def handle(self, *_: Any, book: int, chain: str, label: str, form: str, **__: Any) -> None:
        row = CHAINS[chain]
        owner = book_of(book, row)
        try:
            master_key = import_credential(owner, row, self._parts(row), label, form)
        except KeysError as error:
            raise CommandError(f"{error} [{error.code}]") from error
        show_first_addresses(self, master_key)

    def _parts(self, chain: Chain) -> str:
        """Not arguments: those stand in the shell's history and in the list of processes."""
        lines = []
        for part in format_of(chain).PARTS:
            if sys.stdin.isatty():
                self.stderr.write(f"{part.replace('_', ' ').capitalize()}: ", ending="")
            lines.append(sys.stdin.readline().strip())
        return "\n".join(lines)
