"""Moments come from PostgreSQL as they were put there, whoever reads them."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.db import DataError, connection

from ledger.moments import MomentLoader

pytestmark = pytest.mark.django_db


def read(text: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23 03:52:37.123456+00", datetime(2026, 11, 23, 3, 52, 37, 123456, UTC)),
        ("2026-11-23 03:52:37.1+00", datetime(2026, 11, 23, 3, 52, 37, 100000, UTC)),
        ("2026-11-23 03:52:37+05:45", datetime(2026, 11, 22, 22, 7, 37, tzinfo=UTC)),
        ("0001-01-01 00:00:00+00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999+00", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
    ],
)
def test_it_is_the_same_moment(text: str, moment: datetime) -> None:
    found = read(text)
    assert found == moment
    assert isinstance(found, datetime)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["infinity", "-infinity", "10000-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"])
def test_what_python_has_no_moment_for_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        read(text)


def test_it_is_this_reader_that_reads() -> None:
    read("2026-11-23")
    assert connection.connection.adapters.get_loader(psycopg.adapters.types["timestamptz"].oid, 0) is MomentLoader


def test_it_is_the_same_moment_in_a_session_of_another_zone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Kathmandu'")
        cursor.execute("SELECT '2026-11-23 03:52:37+00'::timestamptz")
        assert cursor.fetchone()[0] == datetime(2026, 11, 23, 3, 52, 37, tzinfo=UTC)
