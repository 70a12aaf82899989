"""The fee queue of bitcoind, litecoind and their kin: `fees.FeeQueue` over JSON-RPC.

Sources: Bitcoin Core's `getmempoolentry`, `getmempoolinfo`, `estimatesmartfee` and `gettxspendingprevout`; older nodes
lack the last one, and then a replaced transaction is known without its successor. BIP-125 for replaceability. What
miners count is the rate of a transaction with its unconfirmed ancestors; a child that pays more lifts its parent.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from itertools import islice

from msgspec import Struct, field

from monitor.chains import Chain
from monitor.connectors.base import NodeError
from monitor.connectors.fees import Band, Queue, Standing
from monitor.connectors.jsonrpc import METHOD_MISSING, Call, JsonRpc, RpcRefused

SAMPLE = 2000
"""Transactions asked for one by one. Of however many that wait, they place a payment to within some hundredths of the
queue."""
TARGETS = (2, 3, 6, 12, 24, 144, 504)
"""Blocks the node is asked to estimate for."""
_DESCENDANTS = 25  # what a mempool allows by default (Core's -limitdescendantcount)
_NOT_FOUND = -5  # Core's rpc/protocol.h
_THOUSAND = 1000
_MOST_COINS = 10**12  # more than any chain has; an exponent in the answer must not fill the memory
_CHEAPEST, _DEAREST = 100, 10_000_000  # sat per kvB: from a tenth of a sat/vB to where nobody bids any more
_is_outpoint = re.compile(r"[0-9a-f]{64}:[0-9]{1,10}\??").fullmatch
_is_hash = re.compile(r"[0-9a-f]{64}").fullmatch
_LARGEST = 32_000_000  # no transaction is larger than the largest block
_UNMINED = "?"
"""Ends the name of an output that was in no block yet: that it is gone later may only mean that its parent is."""


def _band_rates() -> tuple[int, ...]:
    """Lower ends of the bands: 0, and then each a tenth above the one before."""
    rates = [0, _CHEAPEST]
    while rates[-1] < _DEAREST:
        rates.append(rates[-1] + max(rates[-1] // 10, 1))
    return tuple(rates)


BAND_RATES = _band_rates()


class _Fees(Struct):
    modified: Decimal
    ancestor: Decimal
    descendant: Decimal


class _Entry(Struct):
    """Of the mempool. bcoin's kin name sizes and fees otherwise, and do not count ancestors."""

    fees: _Fees | None = None
    fee: Decimal | None = None
    vsize: int | None = None
    size: int | None = None
    ancestorsize: int = 0
    descendantsize: int = 0
    depends: list[str] = []
    spentby: list[str] = []
    replaceable: bool | None = field(default=None, name="bip125-replaceable")


class _Pool(Struct):
    size: int
    mempoolminfee: Decimal
    minrelaytxfee: Decimal | None = None


class _Estimate(Struct):
    blocks: int
    feerate: Decimal | None = None


class _Input(Struct):
    txid: str = ""
    vout: int = 0


class _Transaction(Struct):
    vin: list[_Input]


class _Spent(Struct):
    txid: str
    vout: int
    spendingtxid: str = ""


class BitcoinFees:
    """See `fees.FeeQueue`."""

    def __init__(self, chain: Chain, rpc: JsonRpc) -> None:
        self._chain = chain
        self._rpc = rpc

    def queue(self) -> Queue:
        pool = self._rpc.call("getmempoolinfo", returns=_Pool)
        txids = self._rpc.call("getrawmempool", returns=list[str])
        least = max(pool.mempoolminfee, pool.minrelaytxfee or Decimal(0))
        # Ids are hashes: any part of them, in their order, is a fair sample. The same part each time, so that a
        # payment does not jump about while nothing else changes.
        asked = sorted(txids)[:: max(1, -(-len(txids) // SAMPLE))]
        entries = [entry for _, entry in self._entries(asked)]
        return Queue(
            bands=_bands(entries, weigh=(len(txids), len(entries))),
            least_fee_rate=_rate(least, _THOUSAND),
            block_size=self._chain.block_vsize,
            estimates=tuple(self._estimates()),
            waiting=len(txids),
        )

    def standing(self, txids: AbstractSet[str]) -> Mapping[str, Standing]:
        found = dict(self._entries(sorted(txids)))
        children = self._descendants(found)
        inputs = self._inputs(found)
        return {
            txid: Standing(
                fee_rate=max([_own_rate(entry), *(_own_rate(child) for child in children.get(txid, ()))]),
                replaceable=entry.replaceable,
                spends=inputs.get(txid, ()),
            )
            for txid, entry in found.items()
        }

    def spenders(self, spends: AbstractSet[str]) -> Mapping[str, str]:
        names = {spend.removesuffix(_UNMINED): spend for spend in spends if _is_outpoint(spend)}
        if not names:
            return {}
        waiting = self._spenders_waiting(sorted(names))
        mined = [outpoint for outpoint, name in names.items() if outpoint not in waiting and name == outpoint]
        found = {**waiting, **dict.fromkeys(self._spent(mined), "")}
        return {names[outpoint]: spender for outpoint, spender in found.items()}

    def _entries(self, txids: Sequence[str]) -> Iterator[tuple[str, _Entry]]:
        answers = self._rpc.each((Call("getmempoolentry", (txid,)) for txid in txids), returns=_Entry)
        for txid, answer in zip(txids, answers, strict=True):
            if isinstance(answer, RpcRefused):
                if answer.number != _NOT_FOUND:
                    raise answer
            elif answer is not None:
                yield txid, answer

    def _descendants(self, entries: Mapping[str, _Entry]) -> Mapping[str, list[_Entry]]:
        """Children, their children and so on, of each; all of one generation are asked for together."""
        known: dict[str, _Entry] = {}
        generation = {child for entry in entries.values() for child in entry.spentby}
        for _ in range(_DESCENDANTS):
            asked = sorted(generation - known.keys())
            if not asked:
                break
            came = dict(self._entries(asked))
            known |= came
            generation = {child for entry in came.values() for child in entry.spentby}
        return {txid: list(_below(entry, known)) for txid, entry in entries.items() if entry.spentby}

    def _inputs(self, entries: Mapping[str, _Entry]) -> Mapping[str, tuple[str, ...]]:
        calls = (Call("getrawtransaction", (txid, True)) for txid in entries)
        answers = self._rpc.each(calls, returns=_Transaction)
        return {
            txid: tuple(_named(each, entry.depends) for each in answer.vin if each.txid)
            for (txid, entry), answer in zip(entries.items(), answers, strict=True)
            if isinstance(answer, _Transaction)
        }

    def _estimates(self) -> Iterator[tuple[int, int]]:
        answers = self._rpc.each((Call("estimatesmartfee", (target,)) for target in TARGETS), returns=_Estimate)
        for answer in answers:  # with too little data for a target, of the nearest there is: `blocks` says which
            if isinstance(answer, _Estimate) and answer.feerate is not None and answer.blocks > 0:
                yield answer.blocks, _rate(answer.feerate, _THOUSAND)

    def _spenders_waiting(self, outpoints: Sequence[str]) -> dict[str, str]:
        asked = [{"txid": txid, "vout": int(vout)} for txid, vout in (each.split(":") for each in outpoints)]
        try:
            answers = self._rpc.call("gettxspendingprevout", asked, returns=list[_Spent])
        except RpcRefused as refused:
            if refused.number != METHOD_MISSING:
                raise
            return {}
        return {f"{each.txid}:{each.vout}": _checked(each.spendingtxid) for each in answers if each.spendingtxid}

    def _spent(self, outpoints: Sequence[str]) -> Iterator[str]:
        """Those that are no longer there, by a block or by another transaction that waits."""
        pairs = [each.split(":") for each in outpoints]
        calls = (Call("gettxout", (txid, int(vout), True)) for txid, vout in pairs)
        for outpoint, answer in zip(outpoints, self._rpc.each(calls, returns=dict[str, object]), strict=True):
            if isinstance(answer, RpcRefused):
                raise answer
            if answer is None:
                yield outpoint


def _bands(entries: Iterable[_Entry], weigh: tuple[int, int]) -> tuple[Band, ...]:
    """Where only some of all were asked for (`weigh`: all, asked), sizes stand for all; counts are what was counted."""
    sizes, counts = [0] * len(BAND_RATES), [0] * len(BAND_RATES)
    for entry in entries:
        band = bisect_right(BAND_RATES, _queued_rate(entry)) - 1
        sizes[band] += _size(entry)
        counts[band] += 1
    total, asked = weigh
    return tuple(
        Band(rate, size * total // asked, count)
        for rate, size, count in zip(BAND_RATES, sizes, counts, strict=True)
        if count
    )


def _named(spent: _Input, unmined: Sequence[str]) -> str:
    return f"{spent.txid}:{spent.vout}{_UNMINED if spent.txid in unmined else ''}"


def _below(entry: _Entry, known: Mapping[str, _Entry]) -> Iterator[_Entry]:
    met: set[str] = set()
    left = list(entry.spentby)
    while left and len(met) < _DESCENDANTS:
        name = left.pop()
        child = known.get(name)
        if name in met or child is None:
            continue
        met.add(name)
        left += islice(child.spentby, _DESCENDANTS)
        yield child


def _queued_rate(entry: _Entry) -> int:
    """As `_own_rate`; of all that wait, the descendants are taken together, without asking for each."""
    own = _own_rate(entry)
    if entry.fees is None or entry.descendantsize <= _size(entry):
        return own
    return max(own, _rate(entry.fees.descendant, entry.descendantsize))


def _own_rate(entry: _Entry) -> int:
    """With its ancestors, if they pay less: it cannot be mined without them."""
    fees = entry.fees
    own = _rate(fees.modified if fees else entry.fee or Decimal(0), _size(entry))
    return min(own, _rate(fees.ancestor, entry.ancestorsize)) if fees and entry.ancestorsize > 0 else own


def _checked(txid: str) -> str:
    if not _is_hash(txid):
        raise NodeError("the node's answer is not a hash")
    return txid


def _size(entry: _Entry) -> int:
    size = entry.vsize or entry.size or 0
    if not 0 < size <= _LARGEST:
        raise NodeError("getmempoolentry: a transaction of no possible size")
    return size


def _rate(coins: Decimal, size: int) -> int:
    """Base units per 1,000 virtual bytes, rounded down."""
    if not 0 <= coins <= _MOST_COINS:
        raise NodeError("the node's answer is not a fee")
    return int(coins * 10**8 * _THOUSAND) // size
