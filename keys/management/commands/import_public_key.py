"""manage.py import_public_key --book ID --chain CODE --label LABEL < key.txt"""

import sys
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

from keys.errors import KeysError
from keys.importing import first_addresses, import_credential
from monitor.chains import CHAINS


class Command(BaseCommand):
    help = "Imports an extended public key, read from standard input, and shows its first addresses for comparison."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--book", type=int, required=True, help="number of the book")
        parser.add_argument("--chain", choices=sorted(CHAINS), required=True)
        parser.add_argument("--label", required=True, help="which wallet or device holds the private key")

    def handle(self, *_: Any, book: int, chain: str, label: str, **__: Any) -> None:
        owner = apps.get_model("ledger", "Book").objects.filter(pk=book).first()
        if owner is None:
            raise CommandError(f"There is no book {book}.")
        # Not an argument: arguments stand in the shell's history and in the list of processes.
        text = sys.stdin.readline()
        try:
            master_key = import_credential(owner, CHAINS[chain], text, label)
        except KeysError as error:
            raise CommandError(f"{error} [{error.code}]") from error
        self.stdout.write(f"{master_key} at {master_key.path}. Compare its first addresses with your wallet's:")
        for address in first_addresses(master_key):
            self.stdout.write(f"  {address}")
