"""manage.py check_ledger [--book ID ...] [--since DATE]"""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger import spans
from ledger.checking import Outcome, check
from ledger.errors import BooksHidden
from ledger.models import Book


class Command(BaseCommand):
    help = "Proves that the books are sound, and names the first row that breaks each rule. Reads only; exit code 1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--book", "--tenant", type=int, action="append", dest="books", help="number of a book; all if none is named"
        )
        parser.add_argument(
            "--since",
            type=date.fromisoformat,
            metavar="DATE",
            help="look row by row only at what was recorded or sealed since that day (UTC). Balances, days, counts,"
            " double resolutions and clearing accounts are still of the whole history; left out are older entries' own"
            " legs, hashes, links and dates, running balances, and the hashes of older blocks",
        )

    def handle(self, *_: Any, books: list[int] | None, since: date | None, **__: Any) -> None:
        for book in books or ():
            if not Book.objects.filter(pk=book).exists():
                raise CommandError(f"There is no book {book}.")
        begin = spans.begin_of(since) if since else None
        broken = 0
        try:
            for outcome in check(books, begin):
                self._tell(outcome)
                broken += bool(outcome.violations)
        except BooksHidden as error:
            raise CommandError(f"{error} [{error.code}]") from error
        if broken:
            raise CommandError(f"{broken} of the rules {'is' if broken == 1 else 'are'} broken.")
        self.stdout.write("The books are sound." if since is None else f"The books are sound, as far as since {since}.")

    def _tell(self, outcome: Outcome) -> None:
        invariant = outcome.invariant
        verdict = "BROKEN" if outcome.violations else "ok"
        self.stdout.write(f"{invariant.number:2}  {invariant.name:32} {verdict} ({outcome.seconds:.2f} s)")
        if outcome.violations:
            self.stdout.write(f"    {invariant.statement}")
        for violation in outcome.violations:
            self.stdout.write(f"    {violation}")
