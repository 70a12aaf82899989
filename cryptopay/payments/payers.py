"""Payers come with the link they were given: its id, which nobody guesses, is all that says whose book it is."""

from django.db import connection


def book_of(public_id: str) -> int | None:
    """The book of that invoice, by a door in the wall; None: there is no such invoice."""
    with connection.cursor() as sql:
        sql.execute("SELECT payments_book_of_invoice(%s)", [public_id])
        book_id: int | None = sql.fetchone()[0]
    return book_id
