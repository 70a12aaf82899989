"""The chain: what is sealed, what must wait, and that there is one chain only."""

import hashlib
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from cryptopay.celery import app
from ledger import errors, journal, rates, sealing, tasks
from ledger.checking import check
from ledger.models import Block, JournalEntry
from tests import database
from tests.ledger.conftest import Shop

pytestmark = pytest.mark.django_db(transaction=True)

FAR_AHEAD = 10**15


@contextmanager
def _elsewhere(work: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Another connection has done `work` and has not committed. The call commits, and so does the end."""
    done, go_on = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                work()
                done.set()
                go_on.wait(30)
        finally:
            done.set()
            connection.close()

    def commit() -> None:
        go_on.set()
        thread.join()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(30)
    try:
        yield commit
    finally:
        commit()


def _at_once(*calls: Callable[[], int]) -> list[int]:
    results: list[int] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], int]) -> None:
        try:
            start.wait()
            results.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@contextmanager
def _server(node: int) -> Iterator[None]:
    """This connection's database server bears that number."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ledger.node = {node}")
        try:
            yield
        finally:
            cursor.execute("RESET ledger.node")


def _sound() -> bool:
    return not any(outcome.violations for outcome in check() if outcome.invariant.number == 8)


def _sealed_ids(shop: Shop) -> list[int]:
    lines = [json.loads(line) for line in sealing.export(shop.book.pk)]
    return [line["id"] for line in lines if "id" in line]


def test_all_that_has_ended_is_sealed_once(shop: Shop) -> None:
    ids = [shop.received(7) for _ in range(5)]
    assert sealing.seal(shop.book.pk) == 5
    assert sealing.seal(shop.book.pk) == 0
    ids.append(shop.received(8))
    assert sealing.seal(shop.book.pk) == 1
    assert list(Block.objects.order_by("number").values_list("number", "entries")) == [(1, 5), (2, 1)]
    assert _sealed_ids(shop) == ids
    assert _sound()


def test_a_late_commit_does_not_slip_under_the_cut(shop: Shop) -> None:
    """Its id and transaction are lower than those of what is there to be sealed already."""
    first = shop.received(1)
    late: list[int] = []
    with _elsewhere(lambda: late.append(journal.post(shop.entry(*_other_accounts(shop))))) as commit:
        later = shop.received(2)
        assert late[0] < later
        assert sealing.seal(shop.book.pk) == 1
        assert _sealed_ids(shop) == [first]
        assert sealing.seal_all() == 0
        commit()
    assert sealing.seal(shop.book.pk) == 2
    assert _sealed_ids(shop) == [first, late[0], later]
    assert _sound()


def _other_accounts(shop: Shop) -> list[journal.Leg]:
    return [journal.Leg(shop.owner, debit=3), journal.Leg(shop.sales, credit=3)]


def test_an_open_transaction_that_has_written_nothing_into_the_book_holds_its_number_back(
    shop: Shop, open_shop: Callable[..., Shop]
) -> None:
    """Whoever has a transaction id may still write here."""
    other = open_shop("Bob", "LTC")
    with _elsewhere(lambda: other.received(1)) as commit:
        shop.received(2)
        assert sealing.seal_all() == 0
        commit()
    assert sealing.seal_all() == 2


def test_a_rolled_back_transaction_leaves_no_hole(shop: Shop) -> None:
    kept = shop.received(1)
    with transaction.atomic():
        shop.received(2)
        transaction.set_rollback(True)
    also_kept = shop.received(3)
    assert sealing.seal_all() == 2
    assert _sealed_ids(shop) == [kept, also_kept]
    assert _sound()


def test_a_long_journal_is_sealed_in_blocks_of_whole_transactions(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "ENTRIES_A_BLOCK", 4)
    journal.post_batch([shop.receipt(n + 1) for n in range(6)])
    for _ in range(5):
        shop.received(9)
    assert sealing.seal(shop.book.pk) == 11
    assert list(Block.objects.order_by("number").values_list("entries", flat=True)) == [6, 4, 1]
    assert _sound()


def test_sealers_at_once_make_one_chain(shop: Shop) -> None:
    for n in range(40):
        shop.received(n + 1)
    sealed = _at_once(*[lambda: sealing.seal(shop.book.pk)] * 3, sealing.seal_all)
    assert sum(sealed) == 40
    assert sorted(_sealed_ids(shop)) == list(JournalEntry.objects.order_by("pk").values_list("pk", flat=True))
    assert _sound()


def test_sealing_while_many_write(shop: Shop, open_shop: Callable[..., Shop]) -> None:
    shops = [shop, open_shop("Bob", "LTC"), open_shop("Carol", "ETH", 18)]

    def write(which: Shop) -> Callable[[], int]:
        return lambda: len([which.received(n + 1) for n in range(30)])

    def keep_sealing() -> int:
        return sum(sealing.seal_all() for _ in range(15))

    _at_once(*[write(which) for which in shops], write(shop), keep_sealing, keep_sealing)
    sealing.seal_all()
    assert sum(Block.objects.values_list("entries", flat=True)) == 120 == JournalEntry.objects.count()
    assert _sound()


def test_a_restored_server_that_counts_anew_is_told_so(shop: Shop, open_shop: Callable[..., Shop]) -> None:
    """As after a dump is loaded into a new cluster: its transaction ids lie behind what is sealed."""
    other = open_shop("Bob", "LTC")
    shop.received(1)
    sealing.seal_all()
    with database.past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_block SET upto_xid = %s WHERE book_id = %s", [str(FAR_AHEAD), shop.book.pk])
    other.received(2)
    with pytest.raises(errors.SealedAhead, match=r"ledger\.node"):
        sealing.seal(shop.book.pk)
    with pytest.raises(errors.SealedAhead):
        sealing.seal_all()
    assert Block.objects.filter(book=other.book).count() == 1, "one book's trouble holds up no other"
    with pytest.raises(CommandError, match="sealed_ahead"):
        call_command("seal_journal")


def test_a_restored_server_with_a_number_of_its_own_goes_on(shop: Shop) -> None:
    shop.received(1)
    sealing.seal_all()
    with _server(1):
        shop.received(2)
        assert sealing.seal_all() == 1
    shop.received(3)
    assert sealing.seal_all() == 1
    assert list(Block.objects.order_by("number").values_list("node", "entries")) == [(0, 1), (1, 1), (0, 1)]
    assert _sound()


def test_what_a_former_server_wrote_is_sealed_by_its_successor(shop: Shop) -> None:
    with _server(7):
        shop.received(1)
        shop.received(2)
    assert sealing.seal_all() == 2
    assert Block.objects.get().node == 7
    assert _sound()


def test_a_stranger_recomputes_the_hash(shop: Shop) -> None:
    """As docs/proofs.md says: sha256 of the block's line and of each entry's sha256, a line each."""
    rate = rates.record("BTC", "EUR", Decimal("60000.5"), "test", datetime.now(UTC))
    hostile = 'Zürich \u2028 "quoted" \\ \t tab \u0001 control \u007f'
    entry = shop.receipt(7)
    journal.post(
        journal.Entry(
            book_id=entry.book_id,
            idem=hostile,
            legs=entry.legs,
            effective_at=entry.effective_at,
            description=hostile,
            source="test",
            rate_id=rate.pk,
            meta={hostile: [hostile, 1.50, None, 10**30]},
        )
    )
    shop.received(8)
    sealing.seal_all()
    block, *entries, closing = [line.encode() for line in sealing.export(shop.book.pk)]
    hashed = [block, *[hashlib.sha256(line).hexdigest().encode() for line in entries]]
    head = hashlib.sha256(b"".join(line + b"\n" for line in hashed)).hexdigest()
    assert head == bytes(Block.objects.get().hash).hex() == json.loads(closing)["head"]
    assert json.loads(entries[0])["description"] == hostile
    assert json.loads(entries[0])["rate"][4] == "60000.500000000000000000"


@pytest.mark.skipif(shutil.which("jq") is None, reason="the page's script needs jq")
def test_the_pages_script_recomputes_the_hashes(shop: Shop, tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "proofs.md").read_text()
    (script,) = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)

    def run(lines: list[str]) -> subprocess.CompletedProcess[str]:
        (tmp_path / "book7.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)

    for _ in range(3):
        shop.received(7)
        shop.received(8)
        sealing.seal_all()
    lines = list(sealing.export(shop.book.pk))
    done = run(lines)
    hashes = [bytes(block.hash).hex() for block in Block.objects.order_by("number")]
    assert (done.returncode, done.stdout.split()) == (0, [*hashes, hashes[-1]])
    for n in range(len(lines)):
        forged = run([line.replace(": ", ":  ", 1) if i == n else line for i, line in enumerate(lines)])
        assert forged.returncode == (0 if n == len(lines) - 1 else 1), n


def test_times_are_sealed_in_utc_whatever_the_session(shop: Shop) -> None:
    shop.received(1)
    sealing.seal_all()
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'Pacific/Chatham'; SET DateStyle = 'German'; SET bytea_output = 'escape'")
    try:
        assert _sound()
    finally:
        connection.close()


def test_the_export_appears_when_it_is_whole(shop: Shop, tmp_path: Path) -> None:
    shop.received(1)
    sealing.seal_all()
    file = tmp_path / "chain.jsonl"
    call_command("export_chain", book=shop.book.pk, output=file)
    assert file.read_text().splitlines() == list(sealing.export(shop.book.pk))
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_chain", book=shop.book.pk, output=tmp_path / "nowhere" / "chain.jsonl")
    with pytest.raises(CommandError, match="no book"):
        call_command("export_chain", book=shop.book.pk + 1)
    assert list(tmp_path.iterdir()) == [file]


def test_a_beat_seals_each_minute(shop: Shop) -> None:
    shop.received(1)
    tasks.seal()
    assert Block.objects.get().entries == 1
    assert {"task": "ledger.seal", "schedule": 60} in [
        {name: entry[name] for name in ("task", "schedule")} for entry in app.conf.beat_schedule.values()
    ]
    assert "ledger.seal" in current_app.tasks
