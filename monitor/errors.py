"""The monitor's errors. A node's are `monitor.connectors.base.NodeError`, and these of the follower's about it."""

from monitor.connectors.base import NodeError


class TipStale(NodeError):
    """The node's newest block is too old, or of the future: it is cut off, or misled."""

    code = "tip_stale"


class NodeBehind(NodeError):
    """The node does not know blocks yet that were read before. It is waited for."""

    code = "node_behind"


class ReorgTooDeep(NodeError):
    """The chain turned below all blocks that are kept, or is another one: a person must look."""

    code = "reorg_too_deep"


class ChainHalted(Exception):
    """A person must look at this chain before it is read on; `manage.py resume_chain` lifts it."""

    code = "chain_halted"


class ChainOff(Exception):
    """No such chain, or no node is set for it."""

    code = "chain_unavailable"


class SteppedAside(Exception):
    """Another worker is reading this chain; nothing was written here."""

    code = "chain_busy"


class WatchConflict(Exception):
    """Watched already, in another way than is asked now."""

    code = "watch_conflict"


class TooManyWatches(Exception):
    """A book has only so many open watches."""

    code = "too_many_watches"


class ReasonMissing(Exception):
    """What a person decides against the program's proposal needs a reason."""

    code = "reason_missing"


class RangeInvalid(Exception):
    """No such blocks can be asked for."""

    code = "range_invalid"


class SinceTooEarly(Exception):
    """So many blocks are not read again for one watch."""

    code = "since_height_too_low"
    pointer = "/since_height"


class ChainOn(Exception):
    """It has a node and is read; take that away first."""

    code = "chain_on"


class StillReadingAgain(Exception):
    """The blocks of this book's earlier watches come first."""

    code = "reading_again"
