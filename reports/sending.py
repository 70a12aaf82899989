"""A report as an answer to a request."""

from collections.abc import Iterator
from itertools import chain

from django.http import StreamingHttpResponse

from reports.formats import Format
from reports.reading import one_moment
from reports.report import Sheet


def answer(sheet: Sheet, form: Format, *, as_file: bool = True) -> StreamingHttpResponse:
    """Sent as it is read. Where it must be whole before it can be sent, it is made here: what is refused is refused in
    time. Raises `ReportTooLong`."""
    pieces = _read_while_sent(sheet, form) if form.streams else _made(form.pieces(sheet))
    response = StreamingHttpResponse(pieces, content_type=form.media_type)
    if as_file:
        response["Content-Disposition"] = f'attachment; filename="{sheet.file_name}.{form.file_ending}"'
    return response


def _made(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return chain([next(pieces)], pieces)


def _read_while_sent(sheet: Sheet, form: Format) -> Iterator[bytes]:
    """The request's transaction is over by then."""
    with one_moment(sheet.asked.book.pk):
        yield from form.pieces(sheet)
