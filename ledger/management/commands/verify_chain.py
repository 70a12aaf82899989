"""manage.py verify_chain FILE [--after OLDER_FILE]: `python -m ledger.verifying` needs no Django."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger import verifying


class Command(BaseCommand):
    help = "Verifies an exported chain without any database; with an older export, that history was not written anew."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        verifying.add_arguments(parser)

    def handle(self, *_: Any, file: Path, after: Path | None, **__: Any) -> None:
        try:
            self.stdout.write(verifying.run(file, after))
        except (verifying.ChainBroken, OSError) as error:
            raise CommandError(f"{file}: {error}") from error
