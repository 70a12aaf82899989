"""Long reports are made in the background, one after the other, so that they hold up nothing that is paid.

Whoever makes one holds a lock of the database to the end of the transaction that reads it. So it is known for certain
whether somebody is at it: the lock of a worker that was killed is gone with it, and the next one begins anew, three
times at most. All rows are read as of one moment, as a login that sees the one book it is of.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import IO, Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from ledger.models import Book
from ledger.roles import APPLICATION
from reports.cells import Row
from reports.errors import ExportNotReady, ReportError, TooManyExports
from reports.formats import FORMATS, form_of
from reports.models import Export, ExportPiece
from reports.parameters import Asked
from reports.reading import as_of_one_moment, one_moment
from reports.registry import REPORTS
from reports.report import Report, Sheet

log = structlog.get_logger(__name__)

MOST_UNFINISHED = 5
"""Of one person or API key at a time."""
MOST_ATTEMPTS = 3
_LOCK = 7264
_ROWS_A_WORD = 2_000
_PIECE_BYTES = 1 << 20
_State = Export.State


def ask(report: Report, book: Book, texts: Mapping[str, str], form: str, by: str, by_name: str) -> Export:
    """To be made soon. Raises `ReportError`: `TooManyExports`, or as the report itself does."""
    asked = report.read(book, texts)
    chosen = form_of(report, form)
    unfinished = Export.objects.filter(book=book, asked_by=by, state__in=Export.UNFINISHED)
    if unfinished.count() >= MOST_UNFINISHED:
        raise TooManyExports(f"{MOST_UNFINISHED} exports are being made for you; wait for one of them")
    sheet = Sheet(report, asked, by_name, timezone.now())
    return Export.objects.create(
        book=book,
        asked_by=by,
        asked_by_name=by_name[:200],
        report=report.name,
        form=chosen.name,
        parameters=dict(asked.texts),
        file_name=f"{sheet.file_name}.{chosen.file_ending}",
    )


def content(export: Export) -> Iterator[bytes]:
    """The file, piece by piece. Raises `ExportNotReady` at once."""
    if export.state != _State.DONE:
        raise ExportNotReady(export.error or f"the export is {export.get_state_display().lower()}")
    return _pieces(export)


def make_next() -> bool:
    """Make the oldest that is not finished; whether there was one, and nobody at it."""
    watcher = connection.copy()
    try:
        with tempfile.TemporaryFile() as file:
            export = _read_next(watcher, file)
            if export is not None and not export.is_finished:
                _store(export, file)
        return export is not None
    finally:
        watcher.close()


def purge() -> int:
    """Delete what was kept long enough; how many."""
    expired = Export.objects.filter(expires_at__lt=timezone.now())
    pks = list(expired.values_list("pk", flat=True)[:1_000])
    ExportPiece.objects.filter(export__in=pks).delete()
    Export.objects.filter(pk__in=pks).delete()
    return len(pks)


def _pieces(export: Export) -> Iterator[bytes]:
    """The request's transaction is over by then."""
    with one_moment(export.book_id):
        for piece in ExportPiece.objects.filter(export=export).order_by("number").iterator(chunk_size=4):
            yield bytes(piece.content)


def _read_next(watcher: BaseDatabaseWrapper, file: IO[bytes]) -> Export | None:
    """Its rows, into the file. What is told of it goes over a connection of its own: this one sees one moment alone."""
    with transaction.atomic():
        as_of_one_moment()
        if not _alone():
            return None
        export = Export.objects.filter(state__in=Export.UNFINISHED).select_related("book").order_by("pk").first()
        if export is None:
            return None
        if export.attempts >= MOST_ATTEMPTS:
            _fail(watcher, export, "export_interrupted", "It was begun three times and never came to its end.")
            return export
        _tell(watcher, export, state=_State.RUNNING, attempts=export.attempts + 1, rows=0, started_at=timezone.now())
        try:
            with one_moment(export.book_id), _who_sees_one_book():
                _write(export, watcher, file)
        except ReportError as refused:
            _fail(watcher, export, refused.code, str(refused))
        return export


def _alone() -> bool:
    with connection.cursor() as sql:
        sql.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", [_LOCK])
        return bool(sql.fetchone()[0])


@contextmanager
def _who_sees_one_book() -> Iterator[None]:
    """The worker's own login sees every book. What fails inside is rolled back, and this with it."""
    with connection.cursor() as sql:
        sql.execute("SELECT current_setting('role')")
        (before,) = sql.fetchone()
        sql.execute(f"SET LOCAL ROLE {APPLICATION}")
    yield
    with connection.cursor() as sql:
        sql.execute(f"SET LOCAL ROLE {before}")


def _write(export: Export, watcher: BaseDatabaseWrapper, file: IO[bytes]) -> None:
    report = REPORTS[export.report]

    def counted(asked: Asked) -> Iterator[Row]:
        for number, row in enumerate(report.rows(asked), start=1):
            if number % _ROWS_A_WORD == 0:
                _tell(watcher, export, rows=number)
            export.rows = number
            yield row

    asked = report.read(export.book, export.parameters)
    sheet = Sheet(replace(report, rows=counted), asked, export.asked_by_name, timezone.now())
    for piece in FORMATS[export.form].pieces(sheet):
        file.write(piece)


def _store(export: Export, file: IO[bytes]) -> None:
    """In one commit with its end; unless another worker has ended it meanwhile."""
    file.seek(0)
    with transaction.atomic():
        held = Export.objects.select_for_update().get(pk=export.pk)
        if held.is_finished:
            return
        for number, piece in enumerate(iter(lambda: file.read(_PIECE_BYTES), b"")):
            ExportPiece.objects.create(book_id=export.book_id, export=export, number=number, content=piece)
        held.state, held.rows, held.size_bytes = _State.DONE, export.rows, file.tell()
        held.finished_at = timezone.now()
        held.expires_at = held.finished_at + timedelta(days=settings.EXPORTS_KEPT_DAYS)
        held.save()


def _fail(watcher: BaseDatabaseWrapper, export: Export, code: str, words: str) -> None:
    now = timezone.now()
    expires_at = now + timedelta(days=settings.EXPORTS_KEPT_DAYS)
    export.state = _State.FAILED
    told = {"state": _State.FAILED, "error_code": code, "error": words[:300]}
    _tell(watcher, export, **told, finished_at=now, expires_at=expires_at)
    log.warning("reports.export_failed", export=export.public_id, code=code)


def _tell(watcher: BaseDatabaseWrapper, export: Export, **columns: Any) -> None:
    """Seen by everybody at once. Nothing is told of what has ended."""
    assigned = ", ".join(f"{name} = %s" for name in columns)
    with watcher.cursor() as sql:
        sql.execute(
            f"UPDATE reports_export SET {assigned} WHERE id = %s AND state IN ('waiting', 'running')",  # noqa: S608
            [*columns.values(), export.pk],
        )
