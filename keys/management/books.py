"""What the commands about keys share: which book is meant, and the comparison a person makes at the end."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

from keys.importing import first_addresses
from keys.models import MasterKey
from monitor.chains import CHAINS, Chain


def add_book_and_chain(parser: CommandParser) -> None:
    parser.add_argument("--book", type=int, required=True, help="number of the book")
    parser.add_argument("--chain", choices=sorted(CHAINS), required=True)


def book_of(number: int, chain: Chain) -> Any:
    """The book; test books take development chains, the others real money. Raises `CommandError`."""
    books = apps.get_model("ledger", "Book").objects
    book = books.filter(pk=number).first()
    if book is None:
        known = "; ".join(f"{row.pk} {row}" for row in books.order_by("pk")[:20]) or "none"
        raise CommandError(f"There is no book {number}. There are: {known}.")
    if book.is_test == chain.live:
        kind = "a test book and takes development chains" if book.is_test else "of real money and takes live chains"
        raise CommandError(f"Book {number}, {book}, is {kind} alone; {chain.title} is none.")
    return book


def show_first_addresses(command: BaseCommand, master_key: MasterKey) -> None:
    command.stdout.write(
        f"{master_key} at {master_key.path}, {master_key.form}. Compare its first addresses with your wallet's:"
    )
    for address in first_addresses(master_key):
        command.stdout.write(f"  {address}")
