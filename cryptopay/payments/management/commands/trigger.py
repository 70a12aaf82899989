"""`manage.py trigger invoice.settled`: make an event in a test book, so that a program can be tried."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cryptopay.payments import event_schemas
from cryptopay.payments.errors import PaymentError
from cryptopay.payments.triggering import NotTriggered, trigger
from ledger.models import Book


class Command(BaseCommand):
    help = "Make an event in a test book: an invoice is really opened, the rest is an example and says so."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("event", help=f"one of: {', '.join(event_schemas.EVENTS)}")
        parser.add_argument("--book", type=int, help="the test book's number; needed where there are several")

    def handle(self, *args: Any, event: str, book: int | None, **options: Any) -> None:
        try:
            told = trigger(_book(book), event)
        except (NotTriggered, PaymentError) as refusal:
            raise CommandError(str(refusal)) from None
        for name, subject in told:
            self.stdout.write(f"{name}  {subject}")


def _book(number: int | None) -> Book:
    if number is not None:
        found = list(Book.objects.filter(pk=number))
    else:
        found = list(Book.objects.filter(is_test=True).order_by("pk")[:2])
    if len(found) != 1:
        books = ", ".join(f"{book.pk} ({book})" for book in Book.objects.filter(is_test=True).order_by("pk")[:20])
        raise CommandError(f"Name a test book by --book: {books or 'there is none'}.")
    return found[0]
