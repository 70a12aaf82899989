"""The demo's token: a dollar of six decimals on the development chain, deployed at the first start and let in."""

import structlog
from django.conf import settings

from cryptopay.devnet.contracts import DEMO_DOLLAR, DEMO_DOLLAR_CODE, deploy
from cryptopay.devnet.drive import EthereumNode
from cryptopay.devnet.errors import PartFailed
from monitor.connectors.base import NodeError
from monitor.tokens import Token

log = structlog.get_logger(__name__)

CHAIN_CODE = "ethereum-dev"
DECIMALS = 6
_A_CENT, _PLENTY = 10**4, 10**15


def let_in() -> None:
    """Deploy it and let it in, unless it is in already. A node that is not ours to command leaves the demo without."""
    url = settings.NODE_URLS.get(CHAIN_CODE)
    if not url or Token.objects.filter(chain_code=CHAIN_CODE, code=DEMO_DOLLAR_CODE).exists():
        return
    node = EthereumNode(url)
    try:
        token = deploy(node, DEMO_DOLLAR)
        token.send("mint", node.accounts()[0], _PLENTY)
        node.mine()
    except (PartFailed, NodeError) as error:
        log.warning("demo.no_token", reason=str(error))
        return
    finally:
        node.close()
    Token.objects.create(
        chain_code=CHAIN_CODE,
        contract=token.address,
        code=DEMO_DOLLAR_CODE,
        decimals=DECIMALS,
        minimum_base_units=_A_CENT,
    )
