"""Every page of the admin shows a member the rows of their own books, whatever room registered it.

Each page filters by them. The way from a model to its book is found over its required foreign keys; an admin class may
say it itself by `in_books(books) -> Q`. A model that does neither is the platform's: superusers alone see it.

Behind the filters stands the second wall: a request is one transaction, to which the database shows those books alone.
"""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache, wraps
from http import HTTPStatus
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.auth import get_permission_codename
from django.db import transaction
from django.db.models import Field, ForeignKey, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from unfold.paginator import InfinitePaginator

from cryptopay.backoffice.guides import guide_of
from cryptopay.backoffice.listing import BookPages
from cryptopay.backoffice.searching.lookups import kind_of
from cryptopay.backoffice.searching.term import read
from cryptopay.merchants.models import User
from cryptopay.merchants.permissions import book_ids_of, books_of
from ledger import tenancy
from ledger.models import Book

Scope = Callable[[QuerySet[Book]], Q]


@lru_cache
def path_to_book(model: type[Model]) -> str | None:
    """The shortest way over required foreign keys, as a lookup ("delivery__book"); None: there is none."""
    ways: deque[tuple[type[Model], str]] = deque([(model, "pk" if model is Book else "")])
    met = {model}
    while ways:
        here, way = ways.popleft()
        if here is Book:
            return way
        for field in here._meta.concrete_fields:
            if isinstance(field, ForeignKey) and not field.null and field.related_model not in met:
                target = field.related_model
                met.add(target)
                ways.append((target, f"{way}__{field.name}" if way else field.name))
    return None


def within_own_books(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The page is made, templates included, where no other book's rows can be seen. A fault of ours undoes all."""

    @wraps(view)
    def walled(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with _wall(request):
            answer = view(request, *args, **kwargs)
            if isinstance(answer, SimpleTemplateResponse):
                answer.render()
            if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                transaction.set_rollback(True)
        return answer

    return walled


def _wall(request: HttpRequest) -> AbstractContextManager[None]:
    if request.user.is_active and request.user.is_superuser:
        return tenancy.every_book()
    return tenancy.books(book_ids_of(request.user))


def scope_of(model: type[Model], site: admin.AdminSite) -> Scope | None:
    """How the model's rows are limited to some books; None: they belong to nobody's."""
    declared = getattr(site._registry.get(model), "in_books", None)
    path = path_to_book(model)
    if declared is not None:
        return cast(Scope, declared)
    return (lambda books: Q(**{f"{path}__in": books})) if path else None


def books_where(request: HttpRequest, permission: str) -> QuerySet[Book]:
    """The books in which this person's roles grant the permission ("ledger.view_account")."""
    user = cast(User, request.user)
    if user.is_superuser:
        return books_of(user)
    return Book.objects.filter(pk__in=book_ids_where(request, permission))


def book_ids_where(request: HttpRequest, permission: str) -> list[int]:
    """The ids of these books; for superusers, of all."""
    user = cast(User, request.user)
    return [book.pk for book in _books(request) if user.is_superuser or user.has_perm(permission, book)]


def own_books(request: HttpRequest, permission: str) -> list[Book]:
    """These books, by name, real money before test money. Asked for once a request."""
    ids = set(book_ids_where(request, permission))
    found = [book for book in _books(request) if book.pk in ids]
    return sorted(found, key=lambda book: (book.name, book.is_test, book.pk))


def _books(request: HttpRequest) -> list[Book]:
    """Asked once a request."""
    known = vars(request)
    if "books_of_person" not in known:
        known["books_of_person"] = list(books_of(cast(User, request.user)))
    return cast(list[Book], known["books_of_person"])


def limit(request: HttpRequest, model: type[Model], site: admin.AdminSite, permission: str = "") -> Q:
    """What of the model this person may see, or, with another permission, act on."""
    if request.user.is_superuser:
        return Q()
    scope = scope_of(model, site)
    if scope is None or not request.user.is_authenticated:
        return Q(pk__in=[])
    return scope(books_where(request, permission or permission_to("view", model)))


def permission_to(action: str, model: type[Model]) -> str:
    """ "ledger.view_account" """
    return f"{model._meta.app_label}.{get_permission_codename(action, model._meta)}"


class ScopedRelatedFilter(RelatedFieldListFilter):
    """Offers only what the person may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        seen = limit(request, field.related_model, model_admin.admin_site)
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=seen)


class Scoped(admin.options.BaseModelAdmin[Any]):
    """What pages and their inlines share."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(limit(request, self.model, self.admin_site))

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        offered = super().get_field_queryset(db, db_field, request)
        if offered is None:
            offered = db_field.remote_field.model._default_manager.using(db)
        wanted = permission_to("add", self.model)
        return offered.filter(limit(request, db_field.remote_field.model, self.admin_site, wanted))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_open(request) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, *obj: Any) -> bool:
        return self._is_open(request) and super().has_add_permission(request, *obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_open(request, "change", obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_open(request, "delete", obj) and super().has_delete_permission(request, obj)

    def _is_open(self, request: HttpRequest, action: str = "", obj: Any = None) -> bool:
        """A role held at one merchant grants nothing at another."""
        if request.user.is_superuser:
            return True
        if scope_of(self.model, self.admin_site) is None:
            return False
        return obj is None or not action or request.user.has_perm(permission_to(action, self.model), obj)


class ScopedPage(Scoped, admin.ModelAdmin[Any]):
    view_on_site = False  # its shortcut looks objects up by id alone
    list_before_template = "backoffice/questions.html"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Read once for a page that shows it, however many of its buttons ask whether they may stand there."""
        if request.method != "GET":
            return super().get_object(request, object_id, from_field)
        known: dict[object, Any] = vars(request).setdefault("objects_shown", {})
        key = self.model, object_id, from_field
        if key not in known:
            known[key] = super().get_object(request, object_id, from_field)
        return known[key]

    def get_paginator(self, request: HttpRequest, queryset: QuerySet[Any], per_page: int, *a: Any, **named: Any) -> Any:
        """Lists of what grows without end count nothing; see `listing`."""
        if self.paginator is not InfinitePaginator:
            return super().get_paginator(request, queryset, per_page, *a, **named)
        return BookPages(queryset, per_page, self._books_shown(request))

    def get_search_fields(self, request: HttpRequest) -> Any:
        """The box stands wherever there is a way to look."""
        return super().get_search_fields(request) or (["pk"] if kind_of(self.model) else [])

    def get_search_results(self, request: HttpRequest, rows: QuerySet[Any], typed: str) -> tuple[QuerySet[Any], bool]:
        """What has look-ups of its own is found by them: by their indexes, and in every spelling."""
        kind, term = kind_of(self.model), read(typed)
        if kind is None or self.search_fields or not typed:
            return super().get_search_results(request, rows, typed)
        books = self._books_shown(request)
        whose = [book.pk for book in _books(request)] if books is None else books
        return rows.filter(pk__in=list(kind.keys(term, whose, wide=True)) if term else []), False

    def _books_shown(self, request: HttpRequest) -> list[int] | None:
        """None: everybody's."""
        if request.user.is_superuser:
            return None
        return book_ids_where(request, permission_to("view", self.model))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With the questions that people ask of the list and, where it is empty, what it is for."""
        shown: Any = super().get_changelist_instance(request)
        shown.guide = guide_of(self.model)
        shown.questions = shown.guide.chips(request) if shown.guide else []
        shown.way_on = shown.guide.way_on(request) if shown.guide else ""
        if isinstance(shown.paginator, BookPages):  # else the head tells of rows that nobody counted
            shown.full_result_count = shown.result_count
        return shown

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_open(request) and super().has_module_permission(request)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *location: Any) -> Any:
        """Actions reach only rows that the person may change, not all that they see."""
        changed = permission_to("change", self.model)
        reached = queryset.filter(limit(request, self.model, self.admin_site, changed))
        return super().response_action(request, reached, *location)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [self._scoped_filter(entry) for entry in super().get_list_filter(request)]

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [scoped(inline, Scoped) for inline in super().get_inlines(request, obj)]

    def _scoped_filter(self, entry: Any) -> Any:
        name = entry[0] if isinstance(entry, tuple) else entry
        if not isinstance(name, str):
            return entry
        model: Any = self.model
        field: Field[Any, Any] | Any = None
        for part in name.split("__"):
            field = model._meta.get_field(part)
            model = field.related_model if field.is_relation else None
        return (name, ScopedRelatedFilter) if field.is_relation else entry


def scoped(cls: type[Any], scope: type[Scoped] = ScopedPage) -> type[Any]:
    """The same admin class, limited to the person's books."""
    return type(cls.__name__, (scope, cls), {"__module__": cls.__module__, "__doc__": cls.__doc__})
