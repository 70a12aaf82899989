"""What a list of *Today* is made of, and what those who fill one share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince

from cryptopay.backoffice.scoping import limit

SHOWN = 8
"""Rows of one list: what is oldest. The rest stands behind "All"."""

Row = tuple[object, object, object, object, object]
"""Where it leads, what it is, how much, how it stands, how old it is."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over a list, whether it could be read or not."""

    title: str
    icon: str


@dataclass(frozen=True, slots=True)
class Need:
    """A short list of what waits for somebody; `more` leads to all of it. `empty` says that nothing does."""

    heading: Heading
    empty: str
    rows: list[Row]
    more: str
    urgent: bool = False
    unread: bool = False
    """It failed: nobody knows whether something waits."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One list of *Today*, for whoever may open the page of `model`.

    `find` says what it is made of, a few rows each; those of all lists are fetched by one statement. `draw` is given
    them in that order, and asks for no row of its own but where a queryset cannot say it.
    """

    heading: Heading
    model: type[Model]
    find: Callable[[HttpRequest], Sequence[QuerySet[Any]]]
    draw: Callable[[HttpRequest, Sequence[list[Any]]], Need]


def may_see(request: HttpRequest, model: type[Model]) -> bool:
    page = admin.site._registry.get(model)
    return page is not None and page.has_view_permission(request)


def mine(request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
    """The rows of the person's books."""
    return model._default_manager.filter(limit(request, model, admin.site))


def listed(model: type[Model], query: str = "") -> str:
    """The address of the model's list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") + query


def page(row: Model) -> str:
    """The address of the row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def age(at: datetime) -> str:
    return timesince(at, timezone.now(), depth=1)
