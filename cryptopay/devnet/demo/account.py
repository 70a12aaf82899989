"""The demo merchants' accounts on the development chain of EOS: a name from the seed, opened where the node is ours."""

import structlog
from django.conf import settings

from cryptopay.devnet.antelope import AntelopeNode
from monitor.connectors.base import NodeError

log = structlog.get_logger(__name__)

CHAIN_CODE = "eos-dev"
_LETTERS = "12345abcdefghijklmnopqrstuvwxyz"
_NAME_LETTERS = 12


def name(seed: bytes) -> str:
    """The account of that seed."""
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in seed[:_NAME_LETTERS])


def open_on_chain(account: str) -> None:
    """Open it unless it is there: the chain may be younger than the name. Another's node leaves the demo without."""
    url = settings.NODE_URLS.get(CHAIN_CODE)
    if not url:
        return
    node = AntelopeNode(url)
    try:
        if not node.has_account(account):
            node.new_account(account)
    except NodeError as error:
        log.warning("demo.no_account", account=account, reason=str(error))
    finally:
        node.close()
