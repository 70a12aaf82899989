"""Written by `make write` from the API's description; changes by hand are lost."""

from .accounts import AsyncLedgerAccounts, LedgerAccounts
from .assets import AsyncLedgerAssets, LedgerAssets
from .entries import AsyncLedgerEntries, LedgerEntries
from .trial_balance import AsyncLedgerTrialBalance, LedgerTrialBalance


class LedgerGroup(LedgerAccounts, LedgerAssets, LedgerEntries, LedgerTrialBalance):
    """Operations of `/ledger/...`."""


class AsyncLedgerGroup(AsyncLedgerAccounts, AsyncLedgerAssets, AsyncLedgerEntries, AsyncLedgerTrialBalance):
    """Operations of `/ledger/...`."""
