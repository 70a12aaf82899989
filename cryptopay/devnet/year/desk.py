"""What an accountant enters in a year: opening balances, refunds, sweeps, sales of coins, rent; at market rates."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from random import Random  # noqa: TID251 - predictable on purpose

from cryptopay.devnet.year.market import COINS, PARTS, Coin, Market
from ledger import chart
from ledger.journal import Entry, Leg
from ledger.models import Account, Asset, Book

_FEE_PARTS = 20
"""What a transaction of ours costs, in 1/10,000 of what it moves."""


_BOOKKEEPING_DAY = 2


class Desk:
    """Enters what follows from the month before; it knows what is in custody and what customers have left over."""

    def __init__(self, book: Book, assets: dict[str, Asset], money: Asset, market: Market) -> None:
        self._book, self._assets, self._money, self._market = book, assets, money, market
        self.custody, self._cold = Counter[str](), Counter[str]()
        self.surplus = Counter[tuple[str, str]]()
        self._number = 0

    def open_the_year(self, day: date) -> Iterator[Entry]:
        """Coins that were there before, and money in the bank."""
        bank = self._account("assets:bank", "Bank", self._money)
        yield self._entry(day, 0, "Opening balance", [(bank, 25_000_00)], self._opening(self._money))
        for coin in COINS:
            units = 3_000 * PARTS * 10**coin.decimals // coin.price
            self._cold[coin.code] += units
            yield self._entry(
                day,
                0,
                f"Opening balance, {coin.code}",
                [(self._cold_wallet(coin), units)],
                self._opening_of(coin),
                coin,
            )

    def of_day(self, day: date, chance: Random) -> Iterator[Entry]:
        """Sweeps on Mondays; refunds, sales and rent on the second of a month."""
        if day.weekday() == 0:
            for coin in COINS:
                yield from self._sweep(day, coin)
        if day.day == _BOOKKEEPING_DAY:
            yield self._rent(day)
            yield from self._refund(day, chance)
            for coin in COINS:
                yield from self._sell(day, coin, chance)

    def _sweep(self, day: date, coin: Coin) -> Iterator[Entry]:
        """Custody to the cold wallet: it leaves in the evening, arrives within the hour, less the fee."""
        units = self.custody[coin.code] * 8 // 10
        fee = units * _FEE_PARTS // PARTS
        if not fee:
            return
        self.custody[coin.code] -= units
        self._cold[coin.code] += units - fee
        custody, transit = self._custody(coin), self._find("assets:in transit", coin)
        yield self._entry(day, 22, f"Sweep of {coin.code}", [(transit, units)], custody, coin)
        arrived = [(self._cold_wallet(coin), units - fee), (self._find("expense:network fees", coin), fee)]
        yield self._entry(day, 23, f"Sweep of {coin.code} arrived", arrived, transit, coin)

    def _refund(self, day: date, chance: Random) -> Iterator[Entry]:
        """Half of those who paid too much, too late or too little want it back."""
        waiting = sorted(key for key, units in self.surplus.items() if units)
        for customer, code in waiting:
            coin = next(coin for coin in COINS if coin.code == code)
            units = self.surplus[customer, code]
            if chance.randrange(2) or self.custody[code] < units * 2:
                continue
            self.surplus[customer, code] = 0
            self.custody[code] -= units
            owed = chart.customer(self._book.pk, customer, self._assets[code])
            refundable = self._find("liabilities:refundable", coin)
            yield self._entry(day, 22, "Refund promised", [(owed, units)], refundable, coin)
            yield self._entry(day, 23, "Refund paid", [(refundable, units)], self._custody(coin), coin)

    def _sell(self, day: date, coin: Coin, chance: Random) -> Iterator[Entry]:
        """A part of the cold wallet for money: the coins leave, and the bank receives what they are worth that hour."""
        units = self._cold[coin.code] * chance.randrange(2, 8) // 10
        if not units:
            return
        self._cold[coin.code] -= units
        quote = self._market.at(coin, self._moment(day, 23))
        cents = units * quote.price * 100 // (PARTS * 10**coin.decimals)
        bank, exchange = self._account("assets:bank", "Bank", self._money), "equity:conversion"
        coins = self._account(exchange, "Conversion", self._assets[coin.code])
        yield self._entry(day, 23, f"Sold {coin.code}", [(coins, units)], self._cold_wallet(coin), coin)
        if cents:
            money = self._account(exchange, "Conversion", self._money)
            yield self._entry(day, 23, f"Proceeds of {coin.code}", [(bank, cents)], money)

    def _rent(self, day: date) -> Entry:
        rent = self._account("expense:rent", "Rent", self._money)
        return self._entry(day, 12, "Rent", [(rent, 1_200_00)], self._account("assets:bank", "Bank", self._money))

    def _entry(
        self,
        day: date,
        hour: int,
        what: str,
        debits: list[tuple[Account, int]],
        credit: Account,
        coin: Coin | None = None,
    ) -> Entry:
        self._number += 1
        at = self._moment(day, hour)
        return Entry(
            book_id=self._book.pk,
            idem=f"manual:year:{self._number}",
            legs=[
                *(Leg(account, debit=units) for account, units in debits),
                Leg(credit, credit=sum(u for _, u in debits)),
            ],
            effective_at=at,
            description=what,
            source="manual",
            rate_id=self._market.at(coin, at).rate.pk if coin else None,
            meta={"by": "accountant", "reason": "A year's business"},
        )

    def _moment(self, day: date, hour: int) -> datetime:
        """Each a second later than the one before, so that they have an order."""
        return datetime.combine(day, time(hour, self._number // 60 % 60, self._number % 60), UTC)

    def _opening(self, asset: Asset) -> Account:
        return self._account("equity:opening", "Opening balances", asset)

    def _opening_of(self, coin: Coin) -> Account:
        return self._opening(self._assets[coin.code])

    def _cold_wallet(self, coin: Coin) -> Account:
        return self._account("assets:cold wallet", "Cold wallet", self._assets[coin.code])

    def _custody(self, coin: Coin) -> Account:
        return chart.custody(self._book.pk, self._assets[coin.code])

    def _find(self, code: str, coin: Coin) -> Account:
        return chart.find(self._book.pk, code, self._assets[coin.code])

    def _account(self, code: str, name: str, asset: Asset) -> Account:
        return chart.add_account(self._book.pk, code, name, asset)
