"""Reading balances: one indexed row, however long the history."""

from dataclasses import dataclass

from ledger.errors import UnknownAccount
from ledger.models import Asset, Balance


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account's balance in base units, in its normal direction."""

    posted: int
    pending_in: int
    pending_out: int

    @property
    def available(self) -> int:
        """What may be spent: validated, less what is promised."""
        return self.posted - self.pending_out


def balance(book_id: int, code: str, asset: Asset) -> AccountBalance:
    """Raises `UnknownAccount`."""
    row = (
        Balance.objects.filter(book_id=book_id, account__code=code, account__asset=asset)
        .values_list("posted", "pending_in", "pending_out")
        .first()
    )
    if row is None:
        raise UnknownAccount(f"this book has no account {code} in {asset.code}")
    return AccountBalance(*row)
