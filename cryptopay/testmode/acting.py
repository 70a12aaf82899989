"""Test mode: pay, mine, double-spend and turn a development chain, for one book, at a call.

Three things must be so before anything is asked of a node: the key is a test key, the operator has named a faucet for
the chain, and the node proves by its genesis or chain id that it is on the development chain it should be on.

A chain knows no rollback. So one actor at a time commands it, all that can be refused is refused before the node is
asked, and a repeated request is answered from what was kept of the first. If the answer could not be kept, the payment
was made all the same: it will be told like any other.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import Sum
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from cryptopay.merchants.models import ApiKey
from cryptopay.payments import lifecycle
from cryptopay.payments.models import CustomerAddress, Invoice
from cryptopay.payments.status import MethodState, state_of
from cryptopay.testmode import faucets
from cryptopay.testmode.errors import (
    AmountRefused,
    FaucetBusy,
    FaucetRefused,
    FaucetSilent,
    MethodMissing,
    MiningLimited,
    NoDevelopmentChain,
    NothingDue,
    NothingToReplace,
    TestKeyNeeded,
    TestModeOff,
    TooDeep,
    UnavailableOnChain,
)
from cryptopay.testmode.faucets.seam import Fate, Faucet, Order, Turned
from cryptopay.testmode.models import Act
from keys import issuing
from keys.errors import AddressMismatch
from ledger.money import Amount, Unit, parse
from monitor import connectors, tokens
from monitor.chains import CHAINS, Chain
from monitor.connectors.base import Connector, NodeError
from monitor.connectors.jsonrpc import RpcRefused

MOST_BLOCKS = 60
"""A request, and the deepest reorganisation: as many as the most careful policy asks (Monero, a large sum)."""
MOST_BLOCKS_A_MINUTE = 300
"""A book on one chain."""
_PATIENCE = "20s"
_MOST_TRIED = 50
_PLAIN = re.compile(r"[0-9]{1,4}(\.[0-9]{1,9})?", re.ASCII)
_LARGEST_SHARE, _LARGEST_FEE_RATE = 100, 1000


@dataclass(frozen=True, slots=True)
class Wish:
    """How to pay: `amount` in the coin or `share` of what is due, both as decimal text; neither: all that is due.

    `fee_rate` in the faucet's unit (sat/vB, gwei). `blocks` are mined on it at once; 0 leaves it unconfirmed.
    """

    amount: str | None = None
    share: str | None = None
    fee_rate: str | None = None
    blocks: int = 0


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment that was made; `blocks` were mined then, and the chain is `height` high now."""

    chain: Chain
    amount: Amount
    destination: str
    txid: str
    blocks: Sequence[str]
    height: int


@dataclass(frozen=True, slots=True)
class Mined:
    """Blocks that were mined, lowest first."""

    chain: Chain
    blocks: Sequence[str]
    height: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """A payment that was double-spent: `txid` by `replacement`, which gives the payer the coins back."""

    chain: Chain
    txid: str
    replacement: str
    blocks: Sequence[str]
    height: int


@dataclass(frozen=True, slots=True)
class Reorganised:
    """A reorganisation that was made."""

    chain: Chain
    depth: int
    turned: Turned
    height: int


@dataclass(frozen=True, slots=True)
class _Coin:
    """What is paid, and where to."""

    chain: Chain
    asset: Unit
    contract: str
    destination: str
    due: int
    """Base units; 0: nobody asks for an amount."""


def require_test_key(key: ApiKey) -> None:
    """Raises `TestKeyNeeded`."""
    if key.live:
        raise TestKeyNeeded("Only test keys pay, mine and reorganise, on development chains.")


def pay_invoice(key: ApiKey, invoice: Invoice, method: str | None, wish: Wish) -> Paid:
    """As a payer would, in time or late. `method` may be one that nobody has chosen yet; None: the one that was.

    Raises `TestModeError`, and what `lifecycle.choose_method` and `ledger.money.parse` raise.
    """
    chosen = _method(key, invoice, method)
    if not chosen.address:
        raise AddressMismatch("the address does not derive from your key: nothing is paid there")
    coin = _Coin(chosen.chain, chosen.asset, chosen.asset.contract, chosen.address, chosen.remaining.base_units)
    return _pay(key, invoice.public_id, coin, wish)


def pay_address(key: ApiKey, row: CustomerAddress, asset: str | None, wish: Wish) -> Paid:
    """To a user's address, in the chain's own coin or a token of that code. Raises as `pay_invoice` does."""
    chain, contract, unit = row.chain, "", row.chain.native
    if asset is not None and asset != chain.native.code:
        known = [token for token in tokens.enabled([chain.code]) if chain.has_tokens and token.code == asset]
        if not known:
            raise MethodMissing(f"There is no {asset} on {chain.title} here; see /chains.", "/asset")
        contract, unit = known[0].contract, known[0]  # type: ignore[assignment]  # a token is a unit, too
    destination = issuing.verified(row.address)
    if not destination:
        raise AddressMismatch("the address does not derive from your key: nothing is paid there")
    return _pay(key, row.public_id, _Coin(chain, unit, contract, destination, 0), wish)


def mine(key: ApiKey, chain: Chain, blocks: int) -> Mined:
    """What waits is in the first of them, whoever's it is: a chain is everybody's. Raises `TestModeError`."""
    with _commanded(key, chain, blocks) as faucet:
        mined = faucet.mine(blocks)
        _note(key, Act.Kind.MINE, chain, blocks=len(mined))
        return Mined(chain, mined, faucet.height())


def double_spend(key: ApiKey, invoice: Invoice, txid: str | None, blocks: int) -> Replaced:
    """Takes back what test mode last paid for this invoice, or the payment named. Raises `TestModeError`."""
    made = Act.objects.filter(book_id=key.book_id, subject=invoice.public_id, kind=Act.Kind.PAY)
    acts = list((made.filter(txid=txid) if txid else made).order_by("-pk")[:_MOST_TRIED])
    if not acts:
        raise NothingToReplace("Test mode has made no such payment for this invoice.", "/txid" if txid else "")
    chain = CHAINS[acts[0].chain_code]
    with _commanded(key, chain, blocks) as faucet:
        _takes_back(faucet, chain)
        waiting = _connector(chain).waiting({act.txid for act in acts if act.chain_code == chain.code})
        newest = next((act.txid for act in acts if act.txid in waiting), None)
        if newest is None:
            raise NothingToReplace("It is in a block already: see /test/reorg.")
        replacement = faucet.replace(newest)
        mined = faucet.mine(blocks) if blocks else []
        _note(key, Act.Kind.DOUBLE_SPEND, chain, subject=invoice.public_id, txid=replacement, blocks=len(mined))
        return Replaced(chain, newest, replacement, mined, faucet.height())


def reorganise(key: ApiKey, chain: Chain, depth: int, fate: Fate) -> Reorganised:
    """Other blocks in the place of the last `depth`. Raises `TestModeError`."""
    with _commanded(key, chain, depth + 1) as faucet:
        _takes_back(faucet, chain)
        if depth >= faucet.height():
            raise TooDeep("The chain has not so many blocks.", "/depth")
        turned = faucet.turn(depth, fate)
        _note(key, Act.Kind.REORG, chain, blocks=len(turned.blocks))
        return Reorganised(chain, depth, turned, faucet.height())


def _method(key: ApiKey, invoice: Invoice, named: str | None) -> MethodState:
    """The method to pay by. One that is already chosen is found without opening the invoice again."""
    known = state_of(invoice).methods
    fitting = [each for each in known if named in (None, each.asset.code, f"{each.asset.code}@{each.chain.code}")]
    if len(fitting) == 1:
        return fitting[0]
    if named is None:
        said = "several coins were" if known else "no coin was"
        raise MethodMissing(f"For this invoice {said} chosen: name the method.", "/method")
    chosen = lifecycle.choose_method(invoice.pk, key.book, named)
    return next(each for each in state_of(invoice).methods if each.asset.pk == chosen.asset_id)


def _pay(key: ApiKey, subject: str, coin: _Coin, wish: Wish) -> Paid:
    amount, fee_rate = _amount(coin, wish), _fee_rate(wish)
    with _commanded(key, coin.chain, wish.blocks) as faucet:
        if fee_rate is not None and not faucet.fee_unit:
            raise UnavailableOnChain(f"Payers of {coin.chain.title} do not bid for their turn.", "/fee_rate")
        txid = faucet.send(Order(coin.destination, amount.base_units, coin.contract, fee_rate))
        mined = faucet.mine(wish.blocks) if wish.blocks else []
        _note(key, Act.Kind.PAY, coin.chain, subject=subject, txid=txid, blocks=len(mined))
        return Paid(coin.chain, amount, coin.destination, txid, mined, faucet.height())


def _amount(coin: _Coin, wish: Wish) -> Amount:
    if wish.amount is not None and wish.share is not None:
        raise AmountRefused("Name an amount or a share, not both.", "/share")
    if wish.amount is not None:
        amount = parse(wish.amount, coin.asset)
        if not amount.base_units:
            raise AmountRefused("Nothing cannot be paid.", "/amount")
        return amount
    if not coin.due:
        raise NothingDue("Nothing is due: name an amount.", "/amount")
    share = Fraction(1) if wish.share is None else _positive(wish.share, _LARGEST_SHARE, "/share")
    base_units = int(coin.due * share)
    if not base_units:
        raise AmountRefused("That share is less than one base unit.", "/share")
    return Amount(base_units, coin.asset)


def _fee_rate(wish: Wish) -> Decimal | None:
    if wish.fee_rate is None:
        return None
    _positive(wish.fee_rate, _LARGEST_FEE_RATE, "/fee_rate")
    return Decimal(wish.fee_rate)


def _positive(text: str, largest: int, pointer: str) -> Fraction:
    value = Fraction(text) if _PLAIN.fullmatch(text) else Fraction(0)
    if not 0 < value <= largest:
        raise AmountRefused(f'This is a plain decimal in a string, above 0 and at most {largest}, like "0.5".', pointer)
    return value


@contextmanager
def _commanded(key: ApiKey, chain: Chain, blocks: int) -> Iterator[Faucet]:
    """The chain's faucet, for one at a time, once all is so that must be. `blocks` are what will be mined."""
    require_test_key(key)
    if chain.live or chain.code not in settings.FAUCET_URLS or chain.code not in settings.NODE_URLS:
        raise TestModeOff(f"Test mode is off for {chain.title}: its operator has named no faucet.", "/chain")
    _hold(chain)
    _stay_within_the_limit(key, chain, blocks)
    _prove(chain)
    try:
        faucet = faucets.connect(chain, settings.NODE_URLS[chain.code], settings.FAUCET_URLS[chain.code])
        try:
            yield faucet
        finally:
            faucet.close()
    except RpcRefused as refused:
        raise FaucetRefused(f"The development node says: {refused}") from refused
    except NodeError as silent:
        raise FaucetSilent(f"The development node of {chain.title} does not answer.") from silent


def _prove(chain: Chain) -> None:
    """Fails closed: whatever the node says, or does not say, but that it is on this very development chain."""
    try:
        _connector(chain).check()
    except NodeError as error:
        if error.permanent:
            raise NoDevelopmentChain(f"The node at the faucet of {chain.title} is on another chain.") from error
        raise FaucetSilent(f"The development node of {chain.title} does not answer.") from error


def _connector(chain: Chain) -> Connector:
    url = faucets.commanded(chain, settings.NODE_URLS[chain.code], settings.FAUCET_URLS[chain.code])
    return connectors.connect(chain, url)


def _hold(chain: Chain) -> None:
    """Until the transaction ends. Raises `FaucetBusy`."""
    try:
        with connection.cursor() as sql:
            sql.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
            sql.execute("SELECT pg_advisory_xact_lock(hashtext('testmode.faucet'), hashtext(%s))", [chain.code])
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise FaucetBusy("Others are paying and mining on this chain. Try again.") from None
        raise


def _stay_within_the_limit(key: ApiKey, chain: Chain, blocks: int) -> None:
    lately = Act.objects.filter(
        book_id=key.book_id, chain_code=chain.code, made_at__gt=timezone.now() - timedelta(minutes=1)
    )
    if blocks and (lately.aggregate(mined=Sum("blocks"))["mined"] or 0) + blocks > MOST_BLOCKS_A_MINUTE:
        raise MiningLimited(f"A book mines {MOST_BLOCKS_A_MINUTE} blocks a minute at most: wait.")


def _takes_back(faucet: Faucet, chain: Chain) -> None:
    if not faucet.takes_back:
        raise UnavailableOnChain(f"On {chain.title} nothing is taken back: it is in a block, irreversible, at once.")


def _note(key: ApiKey, kind: Act.Kind, chain: Chain, *, subject: str = "", txid: str = "", blocks: int = 0) -> None:
    Act.objects.create(
        book_id=key.book_id, api_key=key, kind=kind, chain_code=chain.code, subject=subject, txid=txid, blocks=blocks
    )
