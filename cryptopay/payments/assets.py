"""Which asset of the books a coin of a chain is; its row is made at first use."""

from cryptopay.payments.errors import IntakeOutOfStep
from ledger import chart
from ledger.models import Asset
from ledger.remembering import remembered
from monitor.models import Deposit
from monitor.tokens import Token


def of_token(token: Token) -> Asset:
    return chart.asset(token.code, token.chain_code, token.decimals, token.contract)


def of_deposit(deposit: Deposit) -> Asset:
    """What was deposited. Raises `IntakeOutOfStep` for a token nobody has named."""
    native = deposit.chain.native
    if not deposit.contract:
        return chart.asset(native.code, deposit.chain_code, native.decimals)
    token = _token(deposit.chain_code, deposit.contract)
    if token is None:
        raise IntakeOutOfStep(f"a deposit of {deposit.contract}, which is no token of ours: {deposit.key}")
    return of_token(token)


@remembered
def _token(chain_code: str, contract: str) -> Token | None:
    return Token.objects.filter(chain_code=chain_code, contract=contract).first()
