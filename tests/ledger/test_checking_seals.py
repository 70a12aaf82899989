"""Rule 8: each way to break the chain of hashes is tried, and the check must name the block."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ledger import sealing
from ledger.models import (
    Block,
    JournalEntry,
)
from tests.ledger.breaking import Story, broken, rows, tamper, tell
from tests.ledger.conftest import Shop

committed = pytest.mark.django_db(transaction=True)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_ledger_alone")]


@dataclass(frozen=True)
class Chain:
    story: Story
    blocks: list[int]


@pytest.fixture
def chain(open_shop: Callable[..., Shop]) -> Chain:
    """Three blocks; only what is committed can be sealed."""
    told = tell(open_shop)
    shop = told.shop
    sealing.seal_all()
    for _ in range(2):
        shop.received(11)
        sealing.seal_all()
    blocks = list(Block.objects.filter(book=shop.book).order_by("number").values_list("pk", flat=True))
    assert len(blocks) == 3
    return Chain(told, blocks)


@committed
@pytest.mark.parametrize(
    ("statement", "block"),
    [
        ("UPDATE ledger_journalentry SET description = 'other' WHERE id = %(posted)s", 0),
        ("""UPDATE ledger_journalentry SET meta = '{"a": 1}' WHERE id = %(posted)s""", 0),
        ("UPDATE ledger_journalentry SET recorded_at = recorded_at + interval '1us' WHERE id = %(posted)s", 0),
        ("UPDATE ledger_posting SET balance_after = 4 WHERE id = %(leg)s", 0),
        ("UPDATE ledger_account SET code = 'assets:mine' WHERE id = %(custody)s", 0),
        ("UPDATE ledger_account SET floor = 0 WHERE id = %(custody)s", 0),
        ("UPDATE ledger_asset SET decimals = 9 WHERE id = %(coin)s", 0),
        ("DELETE FROM ledger_journalentry WHERE id = %(posted)s", 0),
        ("UPDATE ledger_journalentry SET xid = '3' WHERE id = (SELECT max(id) FROM ledger_journalentry)", 0),
        ("UPDATE ledger_journalentry SET node = 4 WHERE id = (SELECT max(id) FROM ledger_journalentry)", 2),
        ("UPDATE ledger_block SET hash = sha256('x') WHERE id = %(b2)s", 1),
        ("UPDATE ledger_block SET previous = sha256('x') WHERE id = %(b2)s", 1),
        ("UPDATE ledger_block SET entries = 2 WHERE id = %(b2)s", 1),
        ("UPDATE ledger_block SET sealed_at = now() WHERE id = %(b2)s", 1),
        ("UPDATE ledger_block SET number = 7 WHERE id = %(b3)s", 2),
        ("UPDATE ledger_block SET upto_xid = '1' WHERE id = %(b2)s", 1),
        ("UPDATE ledger_block SET from_xid = '1' WHERE id = %(b1)s", 0),
        ("DELETE FROM ledger_block WHERE id = %(b2)s", 2),
        ("DELETE FROM ledger_block WHERE id = %(b1)s", 1),
    ],
)
def test_what_breaks_the_chain_is_named(chain: Chain, statement: str, block: int) -> None:
    assert broken() == {}
    names = chain.story.names | {f"b{n}": row for n, row in enumerate(chain.blocks, 1)}
    tamper(statement, names)
    assert ("block", chain.blocks[block]) in rows(broken()[8])


@committed
def test_an_entry_smuggled_under_the_cut_is_found(chain: Chain) -> None:
    tamper(
        "INSERT INTO ledger_journalentry (book_id, idem, idem_hash, kind, legs, effective_at, recorded_at, source,"
        " description, meta, node, xid) SELECT book_id, 'forged', idem_hash, kind, legs, effective_at, recorded_at,"
        " source, description, meta, node, xid FROM ledger_journalentry WHERE id = %(posted)s",
        chain.story.names,
    )
    (violation,) = broken()[8]
    assert (violation.row_id, violation.found.split(",")[0]) == (chain.blocks[0], "10 entries")


@committed
def test_what_is_not_sealed_within_an_hour_is_found(chain: Chain) -> None:
    """The newest blocks are gone, or the sealer stands still."""
    names = {"block": chain.blocks[2]}
    tamper("DELETE FROM ledger_block WHERE id = %(block)s", names)
    assert broken() == {}
    newest = JournalEntry.objects.filter(book=chain.story.shop.book).latest("pk").pk
    tamper(
        "UPDATE ledger_journalentry SET recorded_at = recorded_at - interval '61 minutes' WHERE id = %(newest)s",
        {"newest": newest},
    )
    assert rows(broken()[8]) == [("journalentry", newest)]
    sealing.seal_all()
    assert broken() == {}
