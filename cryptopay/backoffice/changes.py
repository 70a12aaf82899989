"""What people set, and every change of it: who, what, when, from which request. A member sees their own merchants'."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from cryptopay.backoffice.scoping import books_where, path_to_book, permission_to
from ledger import tracking
from ledger.together import fetched

PAGE_ROWS = 50
_VERBS = {"insert": "made", "update": "changed", "delete": "removed"}
_OWN = {"pgh_id", "pgh_created_at", "pgh_label", "pgh_context", "pgh_obj"}
_NOT_SAID = "–"


@dataclass(frozen=True, slots=True)
class Change:
    """One change, in words."""

    at: datetime
    kind: str
    what: str
    verb: str
    who: str
    request: str
    fields: Sequence[tuple[str, str, str]]
    """Name, before, after."""


def page(request: HttpRequest) -> HttpResponse:
    """The newest first, of one kind or all; `who` and `until` narrow it."""
    offered = kinds(request)
    if not offered:
        raise PermissionDenied
    chosen = request.GET.get("kind", "")
    who, until = request.GET.get("who", "").strip(), _moment(request.GET.get("until", ""))
    wanted = {name: model for name, model in offered.items() if chosen in ("", name)}
    found = _changes([(name, model, _rows(request, model, who, until)) for name, model in wanted.items()])
    context: dict[str, Any] = {**admin.site.each_context(request), "title": "Changes", "kinds": list(offered)}
    context |= {"kind": chosen, "who": who, "changes": found[:PAGE_ROWS]}
    context["older"] = found[PAGE_ROWS - 1].at.isoformat() if len(found) >= PAGE_ROWS else ""
    return TemplateResponse(request, "backoffice/changes.html", context)


def kinds(request: HttpRequest) -> dict[str, type[Model]]:
    """What this person may see the changes of, by name: whatever they may see itself."""
    return {
        _words(str(model._meta.verbose_name)): model
        for model in sorted(tracking.tables(), key=lambda model: str(model._meta.verbose_name).lower())
        if request.user.has_perm(permission_to("view", model))
        and (request.user.is_superuser or path_to_book(tracking.tables()[model]) is not None)
    }


def _rows(request: HttpRequest, model: type[Model], who: str, until: datetime | None) -> QuerySet[Any]:
    """The newest of a kind, each with the key of the one before it."""
    kept = tracking.tables()[model]
    rows = _of(kept).filter(_own(request, model)).order_by("-pgh_created_at", "-pgh_id")
    rows = rows.filter(pgh_context__who__icontains=who) if who else rows
    rows = rows.filter(pgh_created_at__lt=until) if until else rows
    before: QuerySet[Any] = _of(kept).filter(pgh_obj=OuterRef("pgh_obj_id"), pgh_id__lt=OuterRef("pgh_id"))
    rows = rows.annotate(before_id=Subquery(before.order_by("-pgh_id").values("pgh_id")[:1]))
    newest: QuerySet[Any] = rows[:PAGE_ROWS]
    return newest


def _changes(wanted: list[tuple[str, type[Model], QuerySet[Any]]]) -> list[Change]:
    """Of all kinds, the newest first: the rows, those before them, and what both refer to by one statement each."""
    of_kind = zip(wanted, fetched(*(rows for _, _, rows in wanted)), strict=True)
    every = [(kind, model, row) for (kind, model, _), rows in of_kind for row in rows]
    every = sorted(every, key=lambda each: each[2].pgh_created_at, reverse=True)[:PAGE_ROWS]
    before: dict[type[Any], list[int]] = {}
    for *_, row in every:
        before.setdefault(type(row), []).append(row.before_id or 0)
    asked = (kept._default_manager.filter(pgh_id__in=keys) for kept, keys in before.items())
    earlier = {(type(row), row.pgh_id): row for rows in fetched(*asked) for row in rows}
    _know_targets([*(row for *_, row in every), *earlier.values()])
    return [_told(kind, model, row, earlier.get((type(row), row.before_id))) for kind, model, row in every]


def _know_targets(rows: list[Any]) -> None:
    """What the rows refer to, as far as it is there still."""
    relations = [(row, field) for row in rows for field in _fields(type(row)) if isinstance(field, ForeignKey)]
    keys: dict[type[Any], set[Any]] = {}
    for row, field in relations:
        keys.setdefault(field.related_model, set()).add(getattr(row, field.attname))
    found = fetched(*(model._default_manager.filter(pk__in=of_model - {None}) for model, of_model in keys.items()))
    targets = {(model, target.pk): target for model, rows_of in zip(keys, found, strict=True) for target in rows_of}
    for row, field in relations:
        field.set_cached_value(row, targets.get((field.related_model, getattr(row, field.attname))))


def _of(kept: type[Any]) -> QuerySet[Any]:
    return cast(QuerySet[Any], kept._default_manager.all())


def _own(request: HttpRequest, model: type[Model]) -> Q:
    """Of the books whose rows of that kind this person may see. A removed row's changes stay theirs."""
    if request.user.is_superuser:
        return Q()
    way = path_to_book(tracking.tables()[model])
    return Q(**{f"{way}__in": books_where(request, permission_to("view", model))}) if way else Q(pk__in=[])


def _told(kind: str, model: type[Model], row: Any, earlier: Any | None) -> Change:
    context = row.pgh_context or {}
    return Change(
        at=row.pgh_created_at,
        kind=kind,
        what=_name(model, row),
        verb=_VERBS.get(row.pgh_label, row.pgh_label),
        who=context.get("who") or "the program or a command",
        request=context.get("request", ""),
        fields=_differences(row, earlier),
    )


def _name(model: type[Model], row: Any) -> str:
    """As the row itself was called then."""
    copied = model()
    for field in _fields(type(row)):
        setattr(copied, field.attname, getattr(row, field.attname))
        if row._state.fields_cache.get(field.name) is not None:  # asked for once, for all rows of the page
            copied._state.fields_cache[field.name] = row._state.fields_cache[field.name]
    return str(copied)


def _differences(row: Any, earlier: Any | None) -> list[tuple[str, str, str]]:
    """Of a new or removed row, all that was said; of a changed one, what differs."""
    found = []
    for field in _fields(type(row)):
        now, then = _shown(row, field), _shown(earlier, field) if earlier else _NOT_SAID
        if row.pgh_label == "delete":
            now, then = _NOT_SAID, _shown(row, field)
        if now != then:
            found.append((_words(str(field.verbose_name)), then, now))
    return found


def _shown(row: Any, field: Any) -> str:
    if isinstance(field, ForeignKey):
        target = row._state.fields_cache.get(field.name)
        return str(target) if target is not None else _NOT_SAID
    value = getattr(row, field.attname)
    match value:
        case None | "" | []:
            return _NOT_SAID
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{timezone.localtime(value):%-d %b %Y %H:%M}"
        case list():
            return ", ".join(map(str, value))
    choices = dict(field.flatchoices)
    return str(choices.get(value, value))


def _fields(kept: type[Model]) -> list[Any]:
    return [field for field in kept._meta.concrete_fields if field.name not in _OWN]


def _words(name: str) -> str:
    return name[:1].upper() + name[1:]


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and timezone.is_aware(found) else None
