"""manage.py seed_year --book ID [--payments 100000] [--year 2025] [--seed 1]"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from cryptopay.devnet.year.seeding import BookNotEmpty, Year
from ledger import lots
from ledger.models import Book


class Command(BaseCommand):
    help = "Writes a year of a made-up merchant into an empty book: payments on six chains, with all that goes wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--book", type=int, required=True, help="number of an empty book")
        parser.add_argument("--payments", type=int, default=100_000)
        parser.add_argument("--year", type=int, default=timezone.now().year - 1, help="one that is over")
        parser.add_argument("--seed", type=int, default=1, help="another number is another year")

    def handle(self, *_: Any, book: int, payments: int, year: int, seed: int, **__: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("Nothing of it is true: it is for CRYPTOPAY_ENV=development alone.")
        if year >= timezone.now().year:
            raise CommandError(f"{year} is not over.")
        found = Book.objects.filter(pk=book, is_test=True).first()
        if found is None:
            raise CommandError(f"There is no test book {book}.")
        try:
            for day in Year(found, year, payments, seed).write():
                if day.day == 1:
                    self.stdout.write(f"{day:%B} ...")
        except BookNotEmpty as error:
            raise CommandError(f"{error} [{error.code}]") from error
        lots.derive(found)
        self.stdout.write(f"A year with {payments} payments is in the book {found}.")
