"""Written by `make write` from the API's description; changes by hand are lost."""

from .accounts import AsyncLedgerAccounts, LedgerAccounts
from .assets import AsyncLedgerAssets, LedgerAssets
from .entries import AsyncLedgerEntries, LedgerEntries
from .prices import AsyncLedgerPrices, LedgerPrices
from .trial_balance import AsyncLedgerTrialBalance, LedgerTrialBalance
from .unpriced import AsyncLedgerUnpriced, LedgerUnpriced


class LedgerGroup(LedgerAccounts, LedgerAssets, LedgerEntries, LedgerPrices, LedgerTrialBalance, LedgerUnpriced):
    """Operations of `/ledger/...`."""


class AsyncLedgerGroup(
    AsyncLedgerAccounts,
    AsyncLedgerAssets,
    AsyncLedgerEntries,
    AsyncLedgerPrices,
    AsyncLedgerTrialBalance,
    AsyncLedgerUnpriced,
):
    """Operations of `/ledger/...`."""
