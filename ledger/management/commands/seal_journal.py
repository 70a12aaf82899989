from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger import sealing
from ledger.errors import SealedAhead


class Command(BaseCommand):
    help = "Seals every book's closed entries into its SHA-256 chain. A beat does the same each minute."

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            entries = sealing.seal_all()
        except SealedAhead as error:
            raise CommandError(f"{error} [{error.code}]") from error
        self.stdout.write(f"{entries} entries sealed.")
