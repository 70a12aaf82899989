"""manage.py value_books [--anew]"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ledger import lots
from ledger.models import Book


class Command(BaseCommand):
    help = "Counts what every book's coins cost, and posts the gains. A beat does the same each minute."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anew", action="store_true", help="forget what was counted, and count all books again")

    def handle(self, *_: Any, anew: bool, **__: Any) -> None:
        if not anew:
            self.stdout.write(f"{lots.derive_all()} books counted.")
            return
        for book in Book.objects.order_by("pk"):
            lots.count_anew(book)
            self.stdout.write(f"Counted anew: {book}.")
