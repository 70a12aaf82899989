"""manage.py export_journal --book ID --format hledger|ledger|beancount [--until YYYY-MM-DD] [--output FILE]"""

import sys
from collections.abc import Iterable
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger import lots
from ledger.models import Book
from reports.plaintext import journal
from reports.plaintext.formats import FORMATS


class Command(BaseCommand):
    help = "Writes a book's journal for hledger, ledger-cli or beancount, to standard output or to a file, in UTF-8."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--book", type=int, required=True, help="number of the book")
        parser.add_argument("--format", choices=sorted(FORMATS), required=True)
        parser.add_argument("--until", type=date.fromisoformat, help="the last day (UTC) to be written, YYYY-MM-DD")
        parser.add_argument("--output", type=Path, help="a file; it appears when it is complete")

    def handle(self, *_: Any, book: int, format: str, **options: Any) -> None:  # noqa: A002 - the option's name
        owner = Book.objects.filter(pk=book).first()
        if owner is None:
            raise CommandError(f"There is no book {book}.")
        lots.derive(owner)
        with journal.read(owner, options["until"]) as export:
            lines = FORMATS[format](export)
            if options["output"]:
                _write(options["output"], lines)
            else:
                self._print(lines)

    def _print(self, lines: Iterable[str]) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        for line in lines:
            self.stdout.write(line)


def _write(path: Path, lines: Iterable[str]) -> None:
    """Raises `CommandError`. What goes wrong on the way leaves no file that looks like a book."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
        partial.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
