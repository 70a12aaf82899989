"""View keys: a chain that hides who is paid is read with them. Whoever keeps them says here where they are to be had.

The monitor knows nothing of how they are kept. It asks anew for each block, after it has the block's bytes: whoever is
paid in it was given the address, and so had a key here, before. Nothing of a view key is ever logged or shown.
"""

from collections.abc import Callable, Sequence

from monitor.chains import Chain
from monitor.connectors.base import NodeError

Source = Callable[[Chain], Sequence[bytes]]


class ViewKeysUnreadable(NodeError):
    """The view keys are not to be had. Without one of them a payment would be missed, so the chain is not read on."""

    code = "view_keys_unreadable"


_sources: list[Source] = []


def provide(source: Source) -> None:
    """Ask `source` from now on for the private view keys of a chain, 32 bytes each: of every account that ever gave out
    an address. It raises `ViewKeysUnreadable` and nothing else."""
    _sources[:] = [source]


def view_keys(chain: Chain) -> Sequence[bytes]:
    """Raises `ViewKeysUnreadable`."""
    if not _sources:
        raise ViewKeysUnreadable(f"nobody provides the view keys of {chain}")
    return _sources[0](chain)
