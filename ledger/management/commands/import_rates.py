"""manage.py import_rates FILE [--book ID] [--source NAME] [--dry-run]"""

import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger import rate_files
from ledger.models import Book

SHOWN = 20


class Command(BaseCommand):
    help = "Records prices from a CSV file (asset,currency,price,observed_at[,source]): all of it, or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--book", type=int, help="number of a book; the platform's rates, for every book, if none")
        parser.add_argument("--source", help="what the rates are told by where the file names none; the file's name")
        parser.add_argument("--dry-run", action="store_true", help="read and check, and record nothing")

    def handle(self, *_: Any, file: Path, book: int | None, source: str | None, dry_run: bool, **__: Any) -> None:
        if book is not None and not Book.objects.filter(pk=book).exists():
            raise CommandError(f"There is no book {book}.")
        try:
            with file.open(encoding="utf-8-sig", newline="") as text:
                lines, wrong = rate_files.read(text, source or file.name)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
        for line in wrong[:SHOWN]:
            self.stderr.write(str(line))
        if wrong:
            raise CommandError(f"{len(wrong)} of the lines cannot be read; nothing is recorded.")
        if dry_run:
            self.stdout.write(f"{len(lines)} rates can be recorded. Nothing is recorded yet.")
            return
        done = rate_files.write(lines, book, by=getpass.getuser())
        self.stdout.write(f"{done.new} rates recorded, {done.known} were known, {done.suspect} are suspect.")
