"""*Exports*: the reports that are made in the background for whoever looks, and their files. Nobody sees another's."""

from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse

from cryptopay.backoffice.reporting import READS_THE_BOOKS, asker
from cryptopay.backoffice.scoping import books_where
from reports import exporting
from reports.errors import ExportNotReady
from reports.models import Export
from reports.registry import REPORTS

_SHOWN = 50


def page(request: HttpRequest) -> HttpResponse:
    """The newest first; `?file=exp_...` fetches a file."""
    if not request.user.has_perm(READS_THE_BOOKS):
        raise PermissionDenied
    if "file" in request.GET:
        return _file(request, request.GET["file"])
    found = list(_own(request).select_related("book").order_by("-pk")[:_SHOWN])
    context: dict[str, Any] = {**admin.site.each_context(request), "title": "Exports"}
    context |= {
        "exports": [(export, REPORTS[export.report].title) for export in found if export.report in REPORTS],
        "unfinished": any(not export.is_finished for export in found),
    }
    return TemplateResponse(request, "backoffice/exports.html", context)


def _file(request: HttpRequest, public_id: str) -> HttpResponse:
    export = _own(request).filter(public_id=public_id).first()
    if export is None:
        raise Http404
    try:
        response = StreamingHttpResponse(exporting.content(export), content_type="application/octet-stream")
    except ExportNotReady as refused:
        raise Http404 from refused
    response["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
    return cast(HttpResponse, response)  # the site's pages are typed as if none streamed


def _own(request: HttpRequest) -> QuerySet[Export]:
    return Export.objects.filter(book__in=books_where(request, READS_THE_BOOKS), asked_by=asker(request))
