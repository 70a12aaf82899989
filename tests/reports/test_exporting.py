"""Reports that are made in the background: whole, by nobody else's sight, and never running for ever."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from ledger.models import Book, JournalEntry
from reports import exporting
from reports.cells import Row, texts
from reports.errors import ExportNotReady, FormatUnavailable, TooManyExports
from reports.formats import FORMATS, pdf
from reports.models import Export, ExportPiece
from reports.parameters import Asked
from reports.registry import REPORTS
from reports.report import Report, Sheet
from tests.reports.story import Story, tell

pytestmark = pytest.mark.django_db(transaction=True)
State = Export.State


@pytest.fixture
def story() -> Story:
    return tell()


def ask(story: Story, name: str = "trial-balance", form: str = "csv") -> Export:
    return exporting.ask(REPORTS[name], story.book, {}, form, "user:1", "ann@shop.example")


def spied(monkeypatch: pytest.MonkeyPatch, rows: Iterator[Row]) -> None:
    """A report of these rows."""
    report = Report("spy", "Spy", "", "", [texts("Seen")], [], lambda _: rows)
    monkeypatch.setitem(REPORTS, "spy", report)  # type: ignore[misc]


def elsewhere(question: str) -> object:
    """What another connection sees."""
    other = connection.copy()
    try:
        with other.cursor() as sql:
            sql.execute(question)
            return sql.fetchone()
    finally:
        other.close()


def test_the_file_is_the_report(story: Story) -> None:
    export = ask(story)
    assert export.state == State.WAITING
    with pytest.raises(ExportNotReady):
        exporting.content(export)
    assert exporting.make_next()
    export.refresh_from_db()
    sheet = Sheet(REPORTS["trial-balance"], Asked(story.book), "ann@shop.example", timezone.now())
    whole = b"".join(FORMATS["csv"].pieces(sheet))
    assert b"".join(exporting.content(export)) == whole
    assert (export.state, export.rows, export.size_bytes) == (State.DONE, whole.count(b"\r\n") - 1, len(whole))
    assert export.file_name == "trial-balance.csv"
    assert not exporting.make_next()


def test_progress_is_seen_while_it_is_made(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_ROWS_A_WORD", 2)
    seen: list[object] = []

    def rows() -> Iterator[Row]:
        for number in range(5):
            seen.append(elsewhere("SELECT state, rows, attempts FROM reports_export"))
            yield [str(number)]

    spied(monkeypatch, rows())
    ask(story, "spy")
    assert exporting.make_next()
    assert seen == [("running", number, 1) for number in (0, 0, 2, 2, 4)]


def test_threat_39_it_is_made_by_a_login_that_sees_its_book_alone(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell("Other")

    def rows() -> Iterator[Row]:
        with connection.cursor() as sql:
            sql.execute("SELECT current_user")
            yield [sql.fetchone()[0]]
        yield from ([str(pk)] for pk in Book.objects.values_list("pk", flat=True))
        yield from ([str(pk)] for pk in JournalEntry.objects.values_list("book", flat=True).distinct())

    spied(monkeypatch, rows())
    export = ask(story, "spy")
    assert exporting.make_next()
    export.refresh_from_db()
    told = b"".join(exporting.content(export)).decode().split()
    assert told == ["Seen", "cryptopay_app", str(story.book.pk), str(story.book.pk)]


def test_who_was_killed_leaves_nothing_running(story: Story) -> None:
    """The lock of whoever was at it is gone with them, so the next one begins anew; not for ever."""
    export = ask(story)
    Export.objects.filter(pk=export.pk).update(state=State.RUNNING, attempts=1, rows=2_000)
    assert exporting.make_next()
    export.refresh_from_db()
    assert (export.state, export.attempts) == (State.DONE, 2)
    again = ask(story)
    Export.objects.filter(pk=again.pk).update(state=State.RUNNING, attempts=exporting.MOST_ATTEMPTS)
    assert exporting.make_next()
    again.refresh_from_db()
    assert (again.state, again.error_code) == (State.FAILED, "export_interrupted")
    assert again.expires_at is not None


def test_what_somebody_is_at_is_left_to_them(story: Story) -> None:
    export = ask(story)
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as sql:
            sql.execute("SELECT pg_advisory_xact_lock(7264, 0)")
        assert not exporting.make_next()
        other.rollback()
    finally:
        other.close()
    assert Export.objects.get(pk=export.pk).state == State.WAITING
    assert exporting.make_next()


def test_what_fails_by_itself_is_tried_again_and_then_given_up(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Asked) -> Iterator[Row]:
        raise ZeroDivisionError

    monkeypatch.setitem(REPORTS, "spy", Report("spy", "Spy", "", "", [texts("Seen")], [], broken))  # type: ignore[misc]
    export = ask(story, "spy")
    for attempt in range(1, exporting.MOST_ATTEMPTS + 1):
        with pytest.raises(ZeroDivisionError):
            exporting.make_next()
        export.refresh_from_db()
        assert (export.state, export.attempts) == (State.RUNNING, attempt)
    assert exporting.make_next()
    export.refresh_from_db()
    assert export.state == State.FAILED
    assert not ExportPiece.objects.exists()
    assert not exporting.make_next()


def test_what_is_refused_says_why(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_ROWS", 1)
    export = ask(story, form="pdf")
    assert exporting.make_next()
    export.refresh_from_db()
    assert (export.state, export.error_code) == (State.FAILED, "report_too_long")
    with pytest.raises(ExportNotReady, match="more than 1 rows"):
        exporting.content(export)
    with pytest.raises(FormatUnavailable):
        ask(story, form="xero")


def test_nobody_has_too_many_made(story: Story) -> None:
    for _ in range(exporting.MOST_UNFINISHED):
        ask(story)
    with pytest.raises(TooManyExports):
        ask(story)
    assert exporting.make_next()
    ask(story)


def test_files_are_deleted_in_the_end(story: Story) -> None:
    export, kept = ask(story), ask(story)
    while exporting.make_next():
        pass
    Export.objects.filter(pk=export.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert exporting.purge() == 1
    assert [found.pk for found in Export.objects.all()] == [kept.pk]
    assert set(ExportPiece.objects.values_list("export", flat=True)) == {kept.pk}
