"""manage.py export_descriptors --book ID --chain CODE > descriptors.json"""

import getpass
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from keys.errors import KeysError
from keys.exporting import export
from keys.management.books import add_book_and_chain, book_of
from keys.models import MasterKey
from monitor.chains import CHAINS


class Command(BaseCommand):
    help = (
        "Prints what another program needs to find every coin that was received: for chains of the Bitcoin family, a "
        "JSON array as bitcoin-cli importdescriptors takes it, retired keys included; for others, the addresses. "
        "Descriptors show the extended public keys."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_book_and_chain(parser)

    def handle(self, *_: Any, book: int, chain: str, **__: Any) -> None:
        owner = book_of(book, CHAINS[chain])
        keys = MasterKey.objects.filter(book=owner, chain=chain).order_by("pk")
        try:
            exports = [export(key, f"{getpass.getuser()}, at a terminal") for key in keys]
        except KeysError as error:
            raise CommandError(f"{error} [{error.code}]") from error
        if not keys:
            raise CommandError(f"Book {book} has no key for {CHAINS[chain].title}.")
        descriptors = [row for one in exports for row in one.descriptors]
        if descriptors:
            self.stdout.write(json.dumps(descriptors, indent=2))
        for one in exports:
            for address in one.addresses:
                self.stdout.write(address)
        if withheld := sum(one.withheld for one in exports):
            raise CommandError(f"{withheld} addresses do not follow from their key and are withheld: see the alarms.")
