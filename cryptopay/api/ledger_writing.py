"""From what a merchant's program sent to entries of the journal; every fault is told where it stands.

Which accounts a key may write to: all of its book but custody, which only chains write to, so that no program can make
a receipt up. Which entries it may settle, void or reverse: those that programs wrote. What is written carries
`source` "api" and the name of the key.

An entry is named for good. With a `reference` it is named by that, in the book: a second request with it, by whatever
key and at whatever time, finds the entry again or is a conflict. Without one it is named by API key and
Idempotency-Key, so that a request repeated after its kept answer is gone writes nothing twice, either.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail

from cryptopay.api.errors import STATUS_OF_CODE, Problem, from_domain
from cryptopay.api.ledger_assets import name, named
from cryptopay.api.ledger_fields import AccountId, account_id, number
from cryptopay.api.ledger_filters import BY_REFERENCE, OF_THE_API
from cryptopay.api.resource import Resource
from cryptopay.merchants.models import ApiKey
from ledger import balances, chart, journal
from ledger.errors import AccountClosed, BelowFloor, IdempotencyConflict, LedgerError
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, Balance, JournalEntry
from ledger.money import LARGEST_BASE_UNITS, BadAmount, parse

Path = tuple[str | int, ...]
"""Leads to a place in a body: ("entries", 3, "legs", 0, "account")."""
MOST_FAULTS = 50
"""A refusal lists no more of them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a body, and where."""

    path: Path
    code: str
    detail: str


class EntriesRefused(exceptions.ValidationError):
    """All that is wrong with the entries of a request; the status is that of the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        detail: dict[Any, Any] = {}
        for fault in faults[:MOST_FAULTS]:
            branch = detail
            for step in fault.path[:-1]:
                branch = branch.setdefault(step, {})
            branch[fault.path[-1]] = [ErrorDetail(fault.detail, fault.code)]
        super().__init__(detail)
        self.status_code = STATUS_OF_CODE.get(faults[0].code, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Asked:
    """One entry of a request, with the way to it in the body."""

    entry: Entry
    path: Path
    timed: bool
    """Whether the request said when; else it is effective when it is written."""


def read(view: Resource, bodies: Sequence[Mapping[str, Any]], root: tuple[str, ...] = ()) -> list[Asked]:
    """The entries of a request's validated bodies. `root` leads to a batch's. Raises `EntriesRefused`."""
    reader = _Reader(view.api_key, bodies)
    paths: list[Path] = [(*root, position) if root else () for position in range(len(bodies))]
    now = timezone.now()
    asked = [
        Asked(
            Entry(
                book_id=view.api_key.book_id,
                idem=idem(view, body, position),
                legs=reader.legs(body["legs"], path),
                effective_at=body.get("effective_at") or now,
                description=body.get("description", ""),
                source=OF_THE_API,
                meta=meta(view.api_key, body),
                pending=body.get("pending", False),
            ),
            path,
            timed="effective_at" in body,
        )
        for position, (body, path) in enumerate(zip(bodies, paths, strict=True))
    ]
    if reader.faults:
        raise EntriesRefused(reader.faults)
    return asked


def idem(view: Resource, body: Mapping[str, Any], position: int = 0) -> str:
    """What names an entry for good; see above."""
    if "reference" in body:
        return f"{BY_REFERENCE}{body['reference']}"
    return f"api-key:{view.api_key.pk}:{position}:{view.request.headers['Idempotency-Key']}"


def meta(key: ApiKey, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the entry is told by. A program's own notes stay apart: it cannot give an entry a transaction's id."""
    told = {"order": body.get("order_id"), "customer": body.get("customer_ref"), "metadata": body.get("metadata")}
    return {"by": f"API key {key.label}", **{word: value for word, value in told.items() if value}}


def write(asked: Sequence[Asked]) -> list[int]:
    """All or none; the entries' ids, in order. Raises a `Problem` that points at the entry, where it can."""
    try:
        return _write([one.entry for one in asked])
    except IdempotencyConflict as error:
        if (again := _at_the_time_known(asked)) is None:
            raise _pointed(asked, error) from None
    except LedgerError as error:
        raise _pointed(asked, error) from None
    try:
        return _write([one.entry for one in again])
    except LedgerError as error:
        raise _pointed(again, error) from None


def resolve(view: Resource, entry: JournalEntry, kind: JournalEntry.Kind, body: Mapping[str, Any]) -> int:
    """Settle, void or reverse an entry that a program wrote; the resolving entry's id.

    Raises 409 `entry_reserved` for another room's, or a person's.
    """
    if entry.source != OF_THE_API:
        raise Problem(409, "entry_reserved", "Only entries that were posted here are settled, voided or reversed here.")
    asked = Resolution(
        book_id=entry.book_id,
        entry=entry.pk,
        idem=idem(view, body),
        effective_at=body.get("effective_at") or timezone.now(),
        description=body.get("description") or body.get("reason") or f"{kind.label}: {entry.description}"[:300],
        source=OF_THE_API,
        rate_id=entry.rate_id,
        meta=_of_resolution(view.api_key, entry, body),
        kind=kind,
    )
    try:
        return journal.post_batch([asked])[0]
    except LedgerError as error:
        at = _effective_at_of(asked.book_id, [asked.idem]).get(asked.idem)
        if isinstance(error, IdempotencyConflict) and at is not None and "effective_at" not in body:
            return journal.post_batch([replace(asked, effective_at=at)])[0]
        raise from_domain(error, _POINTERS.get(error.code, "")) or error from None


class _Wrong(Exception):
    """A leg cannot be read."""

    def __init__(self, path: Path, code: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(path, code, detail)


class _Reader:
    """Reads legs: all accounts of a request in one query, and all its faults before any is told."""

    def __init__(self, key: ApiKey, bodies: Sequence[Mapping[str, Any]]) -> None:
        self.faults: list[Fault] = []
        texts = {leg["account"] for body in bodies for leg in body["legs"]}
        ids = {pk for text in texts if (pk := number(text, AccountId)) is not None}
        self._by_name: dict[str, list[Account]] = {}
        rows = Account.objects.filter(Q(code__in=texts) | Q(pk__in=ids), book=key.book_id).select_related("asset")
        for account in rows:
            self._by_name.setdefault(account.code, []).append(account)
            self._by_name.setdefault(account_id(account.pk), []).append(account)

    def legs(self, bodies: Sequence[Mapping[str, Any]], path: Path) -> list[Leg]:
        """Those that can be read; what is wrong with the others is in `faults`."""
        legs = []
        for position, body in enumerate(bodies):
            try:
                legs.append(self._leg(body, (*path, "legs", position)))
            except _Wrong as wrong:
                self.faults.append(wrong.fault)
        if len(legs) == len(bodies) and (off := _unbalanced(legs)):
            self.faults.append(Fault((*path, "legs"), "entry_unbalanced", f"Debits and credits differ in {off}."))
        return legs

    def _leg(self, body: Mapping[str, Any], path: Path) -> Leg:
        account = self._account(body, path)
        given = [word for word in _SIDES if word in body]
        if len(given) != 1:
            raise _Wrong((*path, "non_field_errors"), "leg_invalid", f"A leg has one of {', '.join(_SIDES)}.")
        (word,) = given
        try:
            base_units = _SIDES[word](body[word], account)
        except BadAmount as error:
            raise _Wrong((*path, word), error.code, str(error)) from None
        if base_units == 0:
            raise _Wrong((*path, word), "amount_not_positive", "A leg moves more than nothing.")
        return Leg(account, **{word.partition("_")[0]: base_units})

    def _account(self, body: Mapping[str, Any], path: Path) -> Account:
        found, at = self._by_name.get(body["account"], []), (*path, "account")
        if "asset" in body:
            assets = named([account.asset for account in found], body["asset"])
            found = [account for account in found if account.asset in assets]
        if not found:
            raise _Wrong(at, "account_unknown", "This book has no such account; open it at /ledger/accounts.")
        if len(found) > 1:
            names = ", ".join(sorted(name(account.asset) for account in found))
            raise _Wrong((*path, "asset"), "account_ambiguous", f"Name the asset of this account: {names}.")
        (account,) = found
        if account.code.startswith(chart.CUSTODY):
            raise _Wrong(at, "account_reserved", "Custody is what chains say; no program posts to it.")
        return account


def _unbalanced(legs: Sequence[Leg]) -> str:
    """The assets in which debits and credits differ."""
    difference: dict[str, int] = {}
    for leg in legs:
        asset = name(leg.account.asset)
        difference[asset] = difference.get(asset, 0) + leg.debit - leg.credit
    return ", ".join(sorted(asset for asset, base_units in difference.items() if base_units))


def _decimal(text: str, account: Account) -> int:
    return parse(text, account.asset).base_units


def _base_units(text: str, _: Account) -> int:
    if not (text.isascii() and text.isdigit()) or (len(text) > 1 and text.startswith("0")):
        raise BadAmount("amount_malformed", 'Base units are an integer in a string, like "150000".')
    if len(text) > len(str(LARGEST_BASE_UNITS)):
        raise BadAmount("amount_out_of_range", "So many base units cannot be stored.")
    return int(text)


_SIDES: Mapping[str, Callable[[str, Account], int]] = {
    "debit": _decimal,
    "credit": _decimal,
    "debit_base_units": _base_units,
    "credit_base_units": _base_units,
}

_POINTERS = {"period_closed": "/effective_at", "entry_conflict": "/reference", "balance_too_large": "/legs"}
"""Where a refusal of the ledger's stands in an entry's body."""


def _write(entries: Sequence[Entry]) -> list[int]:
    if len(entries) > 1:
        return journal.post_batch(entries)
    (entry,) = entries
    return [journal.record(entry) if entry.pending else journal.post(entry)]


def _at_the_time_known(asked: Sequence[Asked]) -> list[Asked] | None:
    """Entries that did not say when, at the time they were first written; None: none of them was."""
    known = _effective_at_of(asked[0].entry.book_id, [one.entry.idem for one in asked if not one.timed])
    if not known:
        return None
    entries = (one.entry for one in asked)
    timed = [replace(entry, effective_at=known.get(entry.idem, entry.effective_at)) for entry in entries]
    return [replace(one, entry=entry) for one, entry in zip(asked, timed, strict=True)]


def _effective_at_of(book_id: int, idems: Sequence[str]) -> dict[str, datetime]:
    return dict(JournalEntry.objects.filter(book=book_id, idem__in=idems).values_list("idem", "effective_at"))


def _pointed(asked: Sequence[Asked], error: LedgerError) -> Exception:
    """The refusal with the place of the entry, and of the leg, that caused it."""
    culprit = asked[0] if len(asked) == 1 else _culprit(asked, error)
    path = "".join(f"/{step}" for step in culprit.path) if culprit else ""
    pointer = _POINTERS.get(error.code, "")
    if culprit and isinstance(error, BelowFloor | AccountClosed):
        pointer = (_below_floor if isinstance(error, BelowFloor) else _closed)(culprit.entry)
    return from_domain(error, path + pointer) or error


def _culprit(asked: Sequence[Asked], error: LedgerError) -> Asked | None:
    """The first entry that is refused for the same reason when they are written one after the other, and taken back."""
    before = transaction.savepoint()
    try:
        return next((one for one in asked if _is_refused(one.entry, type(error))), None)
    finally:
        transaction.savepoint_rollback(before)


def _is_refused(entry: Entry, reason: type[LedgerError]) -> bool:
    try:
        _write([entry])
    except LedgerError as error:
        return isinstance(error, reason)
    return False


def _closed(entry: Entry) -> str:
    """The first leg on a closed account."""
    closed = (i for i, leg in enumerate(entry.legs) if leg.account.closed_at is not None)
    return f"/legs/{found}/account" if (found := next(closed, None)) is not None else "/legs"


def _below_floor(entry: Entry) -> str:
    """The first leg that takes from an account which has less to give than the entry takes from it."""
    taken: dict[int, int] = {}
    for leg in entry.legs:
        lowered = _lowered(leg)
        if lowered > 0 or not entry.pending:  # what is only on its way in covers nothing
            taken[leg.account.pk] = taken.get(leg.account.pk, 0) + lowered
    rows = Balance.objects.filter(book=entry.book_id, account__in=taken, floor__isnull=False)
    short = {row.account_id for row in rows if row.posted - row.pending_out - taken[row.account_id] < (row.floor or 0)}
    legs = (i for i, leg in enumerate(entry.legs) if leg.account.pk in short and _lowered(leg) > 0)
    return f"/legs/{found}" if (found := next(legs, None)) is not None else "/legs"


def _lowered(leg: Leg) -> int:
    """What the leg takes from its account; negative: what it adds."""
    raised = leg.debit - leg.credit
    return -raised if leg.account.kind in balances.DEBIT_NORMAL else raised


def _of_resolution(key: ApiKey, entry: JournalEntry, body: Mapping[str, Any]) -> dict[str, Any]:
    """What told the entry tells its resolution, too."""
    told = {word: entry.meta[word] for word in ("order", "customer") if word in entry.meta}
    reason = {"reason": body["reason"]} if "reason" in body else {}
    return {**told, **meta(key, body), **reason}
