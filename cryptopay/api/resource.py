"""What all resources share: one transaction a request, confined to the key's book; strict reading; declared scopes."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn, TypeVar

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseBase
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cryptopay.api.errors import Problem
from cryptopay.api.fields import Parameters, StrictSerializer
from cryptopay.api.limits import TooManyRequests
from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey
from ledger import tenancy
from ledger.models import Book
from reports.reading import as_of_one_moment

log = structlog.get_logger(__name__)

_M = TypeVar("_M", bound=Model)


class Resource(APIView):
    """One address of the API. Every object is loaded through `self.book`, never by its id alone."""

    scopes: ClassVar[Mapping[str, str]] = {}
    """Method -> scope, `PUBLIC` or `ANY_KEY`. A method that is missing here is refused."""
    parameters: ClassVar[type[Parameters]] = Parameters
    """What the query string of a GET may hold."""
    refusals: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Method -> the codes it may answer beside those that follow from its form; see `refusals`."""
    one_moment: ClassVar[bool] = False
    """Whether all that is read must be as of the same moment. For what writes nothing."""
    http_method_names = ["get", "post", "patch", "delete", "head"]

    query: Mapping[str, Any]
    _used: ApiKey | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """One transaction, begun before the key is looked up. A refusal undoes all; that the key was used stays."""
        try:
            with transaction.atomic():
                if self.one_moment:
                    as_of_one_moment()
                response = super().dispatch(request, *args, **kwargs)
                if getattr(response, "exception", False):
                    transaction.set_rollback(True)
        except DatabaseError as failure:  # nobody to connect to, or the commit was refused
            response = self._failed(failure, request, *args, **kwargs)
        self._note_use()
        return response

    def perform_authentication(self, request: Request) -> None:
        """From here on the database shows the key's book alone."""
        super().perform_authentication(request)
        if request.auth is not None:
            self._used = self.api_key
            request._request.api_key = self._used  # type: ignore[attr-defined]  # who stands beside its changes
            tenancy.confine(self._used.book_id)

    def throttled(self, request: Request, wait: float | None) -> NoReturn:
        raise TooManyRequests(wait)

    def handle_exception(self, exc: Exception) -> Response:
        """A request without a valid key counts as well: whoever guesses keys is told to wait."""
        if isinstance(exc, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
            try:
                self.check_throttles(self.request)
            except TooManyRequests as too_many:
                exc = too_many
        return super().handle_exception(exc)

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
        try:
            return rows.get(book_id=self.api_key.book_id, public_id=public_id)
        except ObjectDoesNotExist:
            raise NotFound from None

    def _failed(self, failure: DatabaseError, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The answer in place of the one that was made in a transaction that came to nothing."""
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        return self.finalize_response(self.request, self.handle_exception(failure), *args, **kwargs)

    def _note_use(self) -> None:
        if self._used is not None:
            try:
                api_keys.note_use(self._used)
            except DatabaseError:
                log.warning("api.use_not_noted", exc_info=True)

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
