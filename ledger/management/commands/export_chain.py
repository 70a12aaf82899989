"""manage.py export_chain --book ID [--output FILE]"""

import sys
from collections.abc import Iterable
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger import sealing
from ledger.models import Book


class Command(BaseCommand):
    help = "Writes a book's SHA-256 chain as the lines that were hashed, in UTF-8, for verify_chain and for strangers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--book", type=int, required=True, help="number of the book")
        parser.add_argument("--output", type=Path, help="a file; it appears when it is complete")

    def handle(self, *_: Any, book: int, output: Path | None, **__: Any) -> None:
        if not Book.objects.filter(pk=book).exists():
            raise CommandError(f"There is no book {book}.")
        if output:
            _write(output, sealing.export(book))
        else:
            self._print(sealing.export(book))

    def _print(self, lines: Iterable[str]) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        for line in lines:
            self.stdout.write(f"{line}\n", ending="")


def _write(path: Path, lines: Iterable[str]) -> None:
    """Raises `CommandError`. What goes wrong on the way leaves no file that looks like a chain."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
        partial.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
