"""The lists of *Today*, in the order a person reads them. A new one is a file here, and its name in the tuple."""

from cryptopay.backoffice.needs import (
    alarms,
    approvals,
    cases,
    chains,
    clearing,
    deliveries,
    invoices,
    unassigned,
    unconfirmed,
    unpriced,
)
from cryptopay.backoffice.needs.need import Asked

NEEDS: tuple[Asked, ...] = (
    approvals.ASKED,
    unconfirmed.ASKED,
    unpriced.ASKED,
    cases.ASKED,
    clearing.ASKED,
    unassigned.ASKED,
    invoices.ASKED,
    deliveries.ASKED,
    chains.ASKED,
    alarms.ASKED,
)
