"""Lots, gains and revaluation follow from the journal, in whatever order it was written."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from ledger import balances, chart, journal, lots, revaluation
from ledger.currencies import money_of
from ledger.errors import ClosingRatesMissing, EntriesUnpriced, PeriodClosed, PeriodNotOver
from ledger.journal import Entry, Leg
from ledger.models import (
    Account,
    CostMethod,
    EntryPrice,
    JournalEntry,
    Movement,
    PostedGain,
    Rate,
)
from tests.closing import change
from tests.ledger.conftest import Shop

pytestmark = pytest.mark.django_db

COIN = 10**8
YEAR = 2025
_numbers = iter(range(10**6))


def day(number: int) -> date:
    """Days of a year that is over."""
    return date(YEAR, 1, 1) + timedelta(days=number - 1)


def noon(number: int) -> datetime:
    return datetime(YEAR, 1, 1, 12, tzinfo=UTC) + timedelta(days=number - 1)


@dataclass
class Books:
    """A shop whose entries carry prices in euros of one whole coin."""

    shop: Shop

    def rate(self, price: int, number: int) -> Rate:
        return Rate.objects.create(
            asset_code=self.shop.coin.code,
            currency="EUR",
            price=Decimal(price),
            source="test",
            observed_at=noon(number),
        )

    def entry(self, debit: Account, credit: Account, coins: int, price: int | None, number: int) -> int:
        """So many hundredths of a coin."""
        return journal.post(
            Entry(
                book_id=self.shop.book.pk,
                idem=f"entry {next(_numbers)}",
                legs=[Leg(debit, debit=coins * COIN // 100), Leg(credit, credit=coins * COIN // 100)],
                effective_at=noon(number),
                description="An entry",
                source="test",
                rate_id=self.rate(price, number).pk if price else None,
            )
        )

    def bought(self, coins: int, price: int | None, number: int) -> int:
        return self.entry(self.shop.custody, self.shop.owner, coins, price, number)

    def sold(self, coins: int, price: int | None, number: int) -> int:
        return self.entry(self.shop.owner, self.shop.custody, coins, price, number)

    def received(self, coins: int, price: int | None, number: int) -> int:
        return self.entry(self.shop.custody, self.shop.customer, coins, price, number)

    def took_back(self, entry: int, number: int) -> int:
        days = noon(number) - datetime(2026, 3, 1, 12, tzinfo=UTC)
        return journal.reverse(self.shop.of(entry, minutes=int(days.total_seconds()) // 60))

    def derive(self) -> None:
        lots.derive(self.shop.book)

    def posted(self, code: str) -> int:
        """Cents on the accounts of that code and below, in their normal direction."""
        accounts = Account.objects.filter(book=self.shop.book, code__startswith=code, asset=money_of(self.shop.book))
        return sum(balances.balance(account).posted for account in accounts)

    def are_the_same_counted_anew(self) -> bool:
        before = lots.fingerprint(self.shop.book)
        lots.count_anew(self.shop.book)
        return lots.fingerprint(self.shop.book) == before and lots.is_as_counted_anew(self.shop.book)


@pytest.fixture
def books(shop: Shop) -> Books:
    return Books(shop)


def test_a_sale_takes_the_oldest_coins_and_its_gain_is_posted(books: Books) -> None:
    books.bought(100, 10_000, 1)
    books.bought(100, 20_000, 2)
    sale = books.sold(150, 30_000, 3)
    books.derive()
    (gain,) = PostedGain.objects.filter(book=books.shop.book)
    assert (gain.movement_id, gain.gain, gain.day) == (sale, 45_000_00 - 20_000_00, day(3))
    assert books.posted("income:gains realised") == books.posted("assets:valuation") == 25_000_00
    (left,) = lots.open_lots(books.shop.book, day(3))
    assert (left.left_quantity, left.left_cost, left.acquired_at) == (COIN // 2, 10_000_00, noon(2))
    assert [one.left_cost for one in lots.open_lots(books.shop.book, day(2))] == [10_000_00, 20_000_00]
    entry = JournalEntry.objects.get(pk=gain.entry_id)
    assert (entry.effective_at, entry.source) == (noon(3), "valuation")
    books.derive()
    assert PostedGain.objects.count() == 1
    assert books.are_the_same_counted_anew()


def test_coins_that_move_between_own_places_keep_their_cost(books: Books) -> None:
    transit = chart.add_account(books.shop.book.pk, "assets:in transit", "In transit", books.shop.coin)
    books.bought(100, 10_000, 1)
    books.entry(transit, books.shop.custody, 100, 50_000, 2)
    books.entry(books.shop.custody, transit, 100, None, 3)
    books.sold(100, 11_000, 4)
    books.derive()
    assert books.posted("income:gains realised") == 1_000_00
    assert Movement.objects.filter(book=books.shop.book, account=None).count() == 2


def test_an_entry_written_late_corrects_the_gains_after_it(books: Books) -> None:
    books.bought(100, 20_000, 2)
    books.sold(100, 30_000, 5)
    books.derive()
    assert books.posted("income:gains realised") == 10_000_00
    books.bought(100, 5_000, 1)
    books.derive()
    assert books.posted("income:gains realised") == 25_000_00
    assert [one.gain for one in PostedGain.objects.order_by("pk")] == [10_000_00, 15_000_00]
    assert books.are_the_same_counted_anew()


def test_what_a_closed_period_says_stays_and_its_correction_falls_into_the_open_one(books: Books) -> None:
    bought = books.bought(100, None, 1)
    books.bought(100, 20_000, 2)
    books.derive()
    assert lots.unpriced(books.shop.book, day(9)) == lots.Unpriced(amounts=1, oldest_entry=bought)
    assert not lots.up_to_date(books.shop.book, day(1))
    EntryPrice.objects.create(
        book=books.shop.book, entry_id=bought, asset=books.shop.coin, price=10_000, reason="r", by="ann"
    )
    books.sold(100, 30_000, 3)
    assert lots.up_to_date(books.shop.book, day(9))
    assert books.posted("income:gains realised") == 20_000_00
    change(books.shop.book.pk, day(5), reason="r")
    EntryPrice.objects.create(
        book=books.shop.book, entry_id=bought, asset=books.shop.coin, price=12_000, reason="r", by="ann"
    )
    books.derive()
    assert books.posted("income:gains realised") == 18_000_00
    first, correction = JournalEntry.objects.filter(book=books.shop.book, source="valuation").order_by("pk")
    assert first.effective_at == noon(3)
    assert correction.effective_at == datetime.combine(day(6), datetime.min.time(), UTC)
    assert books.are_the_same_counted_anew()


def test_what_nobody_has_priced_holds_up_its_own_pool_alone(books: Books, open_shop: Callable[..., Shop]) -> None:
    ether = chart.asset("ETH", "eth-chain", 18)
    held = chart.custody(books.shop.book.pk, ether)
    owner = chart.open_account(books.shop.book.pk, "equity:owner", "Owner", ether, Account.Kind.EQUITY)
    books.bought(100, 10_000, 1)
    books.sold(50, None, 2)
    books.sold(10, 10_000, 3)
    rate = Rate.objects.create(asset_code="ETH", currency="EUR", price=2_000, source="test", observed_at=noon(1))
    journal.post(
        Entry(
            book_id=books.shop.book.pk, idem="ether", legs=[Leg(held, debit=10**18), Leg(owner, credit=10**18)],
            effective_at=noon(4), description="Ether", source="test", rate_id=rate.pk,
        )
    )  # fmt: skip
    assert lots.up_to_date(books.shop.book, day(1))
    assert not lots.up_to_date(books.shop.book, day(2))
    assert {(one.asset.code, one.cost) for one in lots.positions(books.shop.book, day(9)) if one.account is None} == {
        ("BTC", 10_000_00),
        ("ETH", 2_000_00),
    }
    with pytest.raises(EntriesUnpriced):
        revaluation.revalue(books.shop.book, day(9), by="ann")


def test_a_reorg_takes_back_its_own_lot(books: Books) -> None:
    books.bought(100, 10_000, 1)
    received = books.received(100, 20_000, 2)
    books.took_back(received, 3)
    books.sold(100, 12_000, 4)
    books.derive()
    assert books.posted("income:gains realised") == 2_000_00
    assert books.posted("income:exchange differences") == 0
    assert books.are_the_same_counted_anew()


def test_what_is_owed_in_coins_makes_a_difference_when_it_is_settled(books: Books) -> None:
    books.received(100, 10_000, 1)
    books.entry(books.shop.customer, books.shop.sales, 60, 11_000, 2)
    books.entry(books.shop.customer, books.shop.sales, 40, 12_000, 2)
    books.derive()
    assert books.posted("income:exchange differences") == -(60 * 1_000 + 40 * 2_000)
    assert books.posted("liabilities:valuation") == 60 * 1_000 + 40 * 2_000
    (gain,) = PostedGain.objects.all()
    assert (gain.held, gain.movement_id, gain.day) == (False, None, day(2))
    assert books.are_the_same_counted_anew()


def test_the_average_from_a_day_on(books: Books) -> None:
    books.bought(100, 10_000, 1)
    books.bought(100, 20_000, 2)
    books.sold(50, 20_000, 3)
    books.derive()
    assert books.posted("income:gains realised") == 5_000_00
    CostMethod.objects.create(
        book=books.shop.book, method="average", from_day=day(4), reason="The tax office asks for it", by="ann"
    )
    books.sold(50, 20_000, 5)
    books.derive()
    average = (5_000_00 + 20_000_00) // 3
    assert books.posted("income:gains realised") == 5_000_00 + 10_000_00 - average
    assert list(lots.open_lots(books.shop.book, day(9))) == []
    CostMethod.objects.create(book=books.shop.book, method="fifo", from_day=day(6), reason="Not so", by="ann")
    books.bought(10, 30_000, 7)
    books.derive()
    assert [one.left_quantity for one in lots.open_lots(books.shop.book, day(9))] == [COIN, COIN // 10]
    assert books.are_the_same_counted_anew()


def test_a_month_end_shows_what_coins_are_worth_and_takes_it_back_the_next_day(books: Books) -> None:
    books.bought(100, 10_000, 1)
    books.received(50, 10_000, 2)
    books.rate(13_000, 31)
    written = revaluation.revalue(books.shop.book, day(31), by="ann")
    assert {(one.effective_at.date(), one.meta["gain"]) for one in written} == {
        (day(31), "450000"),
        (day(31), "-150000"),
    }
    unrealised = Account.objects.get(book=books.shop.book, code="income:gains unrealised")
    assert balances.balance(unrealised, as_of=day(31)).posted == 3_000_00
    assert balances.balance(unrealised, as_of=day(32)).posted == 0
    assert revaluation.revalue(books.shop.book, day(31), by="ann") == []
    books.rate(14_000, 31)
    assert not revaluation.is_current(books.shop.book, day(31))
    assert len(revaluation.revalue(books.shop.book, day(31), by="ann")) == 2
    assert revaluation.is_current(books.shop.book, day(31))
    assert balances.balance(unrealised, as_of=day(31)).posted == 4_000_00
    assert balances.balance(unrealised, as_of=day(32)).posted == 0


def test_a_month_end_without_its_rate_names_the_pair(books: Books) -> None:
    books.bought(100, 10_000, 1)
    with pytest.raises(ClosingRatesMissing, match="BTC/EUR") as refusal:
        revaluation.revalue(books.shop.book, day(31), by="ann")
    assert [str(pair) for pair in refusal.value.pairs] == ["BTC/EUR"]
    with pytest.raises(PeriodNotOver):
        revaluation.revalue(books.shop.book, date(9000, 1, 1), by="ann")


def test_a_closed_month_is_not_revalued_again(books: Books) -> None:
    books.bought(100, 10_000, 1)
    books.rate(13_000, 31)
    revaluation.revalue(books.shop.book, day(31), by="ann")
    change(books.shop.book.pk, day(31), reason="r")
    assert revaluation.revalue(books.shop.book, day(31), by="ann") == []
    books.rate(14_000, 31)
    with pytest.raises(PeriodClosed):
        revaluation.revalue(books.shop.book, day(31), by="ann")


def test_values_of_many_legs_are_the_value_of_the_entry(books: Books) -> None:
    """Thirds of a cent: the debits are worth what the credits are."""
    fee = chart.open_account(books.shop.book.pk, "expense:network fees", "Fees", books.shop.coin, Account.Kind.EXPENSE)
    books.bought(100, 10_000, 1)
    units = 333_333
    journal.post(
        Entry(
            book_id=books.shop.book.pk, idem="slices",
            legs=[Leg(books.shop.custody, credit=3 * units), *(Leg(fee, debit=units) for _ in range(3))],
            effective_at=noon(2), description="Three fees", source="test", rate_id=books.rate(10_000, 2).pk,
        )
    )  # fmt: skip
    books.derive()
    movement = Movement.objects.get(book=books.shop.book, account=None, quantity=-3 * units)
    assert (movement.value, movement.cost) == (-100_00, -100_00)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ledger_movement SET cost = cost + 1, gain = gain + 1 WHERE quantity < 0 AND account_id IS NULL",
        "UPDATE ledger_lot SET left_cost = left_cost - 1 WHERE left_quantity <> 0",
        "UPDATE ledger_taking SET value = value + 1",
        "DELETE FROM ledger_movement WHERE account_id IS NULL AND quantity < 0",
        "UPDATE ledger_lot SET acquired_at = acquired_at - interval '1 day'",
    ],
)
def test_what_was_changed_behind_the_ledgers_back_is_found(books: Books, damage: str) -> None:
    books.bought(100, 10_000, 1)
    books.bought(100, 20_000, 2)
    books.sold(150, 30_000, 3)
    books.derive()
    assert lots.is_as_counted_anew(books.shop.book)
    with connection.cursor() as sql:
        sql.execute(damage)
    assert not lots.is_as_counted_anew(books.shop.book)


@pytest.mark.django_db(transaction=True)
def test_the_command_finds_it_and_counts_anew(books: Books) -> None:
    books.bought(100, 10_000, 1)
    books.sold(50, 30_000, 3)
    call_command("value_books", stdout=StringIO())
    call_command("value_books", check=True, stdout=StringIO())
    Movement.objects.filter(book=books.shop.book, account=None).update(cost_after=7)
    with pytest.raises(CommandError, match="not what the journal gives: Alice"):
        call_command("value_books", check=True)
    call_command("value_books", anew=True, stdout=StringIO())
    call_command("value_books", check=True, stdout=StringIO())


@pytest.mark.django_db(transaction=True)
def test_what_commits_late_does_not_slip_under(books: Books) -> None:
    """Written before, with an earlier date, and committed after what was counted."""
    books.bought(100, 20_000, 2)
    vault = chart.add_account(books.shop.book.pk, "assets:vault", "Vault", books.shop.coin)
    gift = chart.add_account(books.shop.book.pk, "equity:gift", "Gift", books.shop.coin)
    late = threading.Event(), threading.Event()

    def write_slowly() -> None:
        try:
            with transaction.atomic():
                books.entry(vault, gift, 100, 5_000, 1)  # no account that others write to meanwhile: they would wait
                late[0].set()
                assert late[1].wait(60)
        finally:
            connection.close()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert late[0].wait(60)
    books.sold(100, 30_000, 5)
    lots.derive_all()
    assert books.posted("income:gains realised") == 10_000_00
    late[1].set()
    writer.join()
    assert lots.derive_all() == 1
    assert books.posted("income:gains realised") == 25_000_00
    assert books.are_the_same_counted_anew()
