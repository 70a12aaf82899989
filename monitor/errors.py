"""The monitor's errors. A node's are `monitor.connectors.base.NodeError`."""


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
