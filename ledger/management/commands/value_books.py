"""manage.py value_books [--anew | --check]"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger import lots
from ledger.models import Book


class Command(BaseCommand):
    help = "Counts what every book's coins cost, and posts the gains. A beat does the same each minute."

    def add_arguments(self, parser: CommandParser) -> None:
        one_of = parser.add_mutually_exclusive_group()
        one_of.add_argument(
            "--check", action="store_true", help="whether the journal gives what was counted; exit code 1"
        )
        one_of.add_argument("--anew", action="store_true", help="forget what was counted, and count all books again")

    def handle(self, *_: Any, anew: bool, check: bool, **__: Any) -> None:
        if check:
            self._check()
        elif anew:
            for book in Book.objects.order_by("pk"):
                lots.count_anew(book)
                self.stdout.write(f"Counted anew: {book}.")
        else:
            self.stdout.write(f"{lots.derive_all()} books counted.")

    def _check(self) -> None:
        lots.derive_all()
        if wrong := [str(book) for book in Book.objects.order_by("pk") if not lots.is_as_counted_anew(book)]:
            raise CommandError(f"What was counted is not what the journal gives: {', '.join(wrong)}.")
        self.stdout.write("What was counted is what the journal gives.")
