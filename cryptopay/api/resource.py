"""What all resources share: the key's book, strict reading of body and query, and the scopes they must declare."""

import functools
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView

from cryptopay.api.errors import Problem
from cryptopay.api.fields import Parameters, StrictSerializer
from cryptopay.merchants.models import ApiKey
from ledger.models import Book

_M = TypeVar("_M", bound=Model)


class Resource(APIView):
    """One address of the API. Every object is loaded through `self.book`, never by its id alone."""

    scopes: ClassVar[Mapping[str, str]] = {}
    """Method -> scope, `PUBLIC` or `ANY_KEY`. A method that is missing here is refused."""
    parameters: ClassVar[type[Parameters]] = Parameters
    """What the query string of a GET may hold."""
    http_method_names = ["get", "post", "patch", "delete", "head"]

    query: Mapping[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "HTTP_TRANSFER_ENCODING" in request.META:
            raise Problem(411, "length_required", "Send a Content-Length; a body in chunks is not read.")
        self.query = self._read_query(request)

    @property
    def api_key(self) -> ApiKey:
        key = self.request.auth
        assert isinstance(key, ApiKey)  # noqa: S101 - HasScope let nobody else in
        return key

    @property
    def book(self) -> Book:
        return self.api_key.book

    def body(self, reader: type[StrictSerializer]) -> dict[str, Any]:
        """The validated body. Raises `ValidationError`, which rolls back and becomes problem+json."""
        return dict(_shared(reader).run_validation(self.request.data))

    def find(self, rows: QuerySet[_M], public_id: str) -> _M:
        """The book's own row of that id. Raises 404 `not_found`, for another tenant's row, too."""
        row = rows.filter(book_id=self.api_key.book_id, public_id=public_id).first()
        if row is None:
            raise NotFound
        return row

    def _read_query(self, request: Request) -> Mapping[str, Any]:
        reader = self.parameters if request.method in ("GET", "HEAD") else Parameters
        if not request.GET and reader is Parameters:
            return {}
        for name, values in request.GET.lists():
            if len(values) > 1:
                raise QueryRefused({name: [exceptions.ErrorDetail("Sent more than once.", "parameter_repeated")]})
        serializer = reader(data=request.GET.dict())
        if not serializer.is_valid():
            raise QueryRefused(serializer.errors)
        return dict(serializer.validated_data)


@functools.cache
def _shared(reader: type[StrictSerializer]) -> StrictSerializer:
    """One for all requests: validating keeps nothing in it, and copying its fields costs more than reading a body."""
    return reader()


class NotFound(Problem):
    """There is nothing here; of another tenant's things we say the same."""

    def __init__(self) -> None:
        super().__init__(404, "not_found", "There is no such object.")


class QueryRefused(exceptions.ValidationError):
    """The query string is wrong; its errors name parameters, not pointers into a body."""

    prefix = "?"


class NoSuchRoute(APIView):
    """Whatever is under /api/ and has no route."""

    authentication_classes = []
    permission_classes = []
    schema = None
    metadata_class = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise exceptions.NotFound("There is no such resource.", "not_found")
