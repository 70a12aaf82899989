"""Large deposits count only if a second node, run apart from the first, has them as deep in the same block.

A node that is misled, cut off or bribed shows blocks that nobody else has. The second one is asked for nothing but the
block's name at its height and its own tip: the name stands for all that is in the block. Until it agrees the deposit is
held, and says why; when it does, the deposit is confirmed by itself.
"""

from collections.abc import Iterable, Mapping

import structlog
from django.db.models import F
from django.utils import timezone

from monitor import deposits, nodes
from monitor.chains import Chain
from monitor.connectors.base import Connector, NodeError, Tip
from monitor.connectors.patience import patience
from monitor.locking import alone, expect
from monitor.models import Cursor, Deposit

log = structlog.get_logger(__name__)

AT_ONCE = 1000
"""Deposits a look; the rest waits for the next step."""
LOOK_SECONDS = 10
"""A second node that hangs must not hold up what the first one tells."""

AGREES, DISAGREES = "", "the second node has another block there"
BEHIND = "the second node has not read so far"
SILENT = "the second node does not answer"


def seek(chain: Chain, cursor: Cursor) -> None:
    """Ask the second node about all deposits that are due and not agreed on; confirm those on which it agrees.

    Its failure is noted on the cursor and raises nothing: reading goes on.
    """
    second = nodes.second(chain)
    if second is None:
        return
    waiting = list(deposits.due(chain, cursor).exclude(deposits.agreed(chain))[:AT_ONCE])
    if not waiting:
        return
    failure = ""
    try:
        with patience(LOOK_SECONDS):
            answers = _ask(second, waiting)
    except NodeError as error:
        failure, answers = str(error)[:300], dict.fromkeys((row.pk for row in waiting), SILENT)
    with alone(chain):
        expect(cursor)
        _note(cursor, failure)
        _hold(chain, waiting, answers)
        ids = [pk for pk, answer in answers.items() if answer == AGREES]
        Deposit.objects.filter(pk__in=ids).update(agreed_hash=F("block_hash"))
        deposits.confirm_due(chain, cursor)


def _ask(second: Connector, waiting: Iterable[Deposit]) -> dict[int, str]:
    """What the second node says to each deposit. Each block is asked for once."""
    second.check()
    tip = second.tip()
    names: dict[int, str | None] = {}
    for row in waiting:
        height = _height(row)
        if height not in names:
            names[height] = second.hash_at(height)
    return {row.pk: _answer(row, names[_height(row)], tip) for row in waiting}


def _answer(row: Deposit, name: str | None, tip: Tip) -> str:
    if name is not None and name != row.block_hash:
        return DISAGREES
    if row.required_confirmations is None:
        deep = tip.final_height is not None and _height(row) <= tip.final_height
    else:
        deep = _height(row) + row.required_confirmations - 1 <= tip.ref.height
    return AGREES if name is not None and deep else BEHIND


def _hold(chain: Chain, waiting: Iterable[Deposit], answers: Mapping[int, str]) -> None:
    """Say on each deposit why it waits, and raise the alarm when it begins to wait for that."""
    for because in (DISAGREES, SILENT, BEHIND):
        new = [row for row in waiting if answers[row.pk] == because and row.held_because != because]
        rows = Deposit.objects.filter(pk__in=[row.pk for row in new])
        rows.filter(held_since__isnull=True).update(held_since=timezone.now())
        rows.update(held_because=because)
        for row in new if because != BEHIND else ():
            log.critical("deposit.held", chain=chain.code, deposit=row.key, height=row.block_height, reason=because)


def _note(cursor: Cursor, failure: str) -> None:
    since = (cursor.second_failing_since or timezone.now()) if failure else None
    cursor.second_failing_since, cursor.second_failure = since, failure
    cursor.save(update_fields=["second_failing_since", "second_failure"])


def _height(row: Deposit) -> int:
    assert row.block_height is not None  # noqa: S101 - due deposits are in a block
    return row.block_height
