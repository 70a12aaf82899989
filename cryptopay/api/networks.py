"""The chain a request names."""

from cryptopay.api.errors import Problem
from cryptopay.merchants.models import ApiKey
from monitor import nodes
from monitor.chains import CHAINS, Chain


def chain_asked(key: ApiKey, code: str) -> Chain:
    """A test key sees only chains without real money, a live key only those with; a node must be set for it.

    Raises 422 `chain_unknown`, `ChainOff`.
    """
    if code not in CHAINS or CHAINS[code].live != key.live:
        raise Problem(422, "chain_unknown", "There is no such chain for this API key; see /chains.", "/chain")
    return nodes.chain(code)
