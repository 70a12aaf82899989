"""The reports there are. A new one is a file beside this one, with its `REPORT`, and its name here; pages, CSV, XLSX,
PDF and JSON, the forms they are asked by and the API follow from that.
"""

from collections.abc import Mapping

from reports import (
    account_statement,
    accounting_journal,
    aged_unconfirmed,
    balance_sheet,
    carf,
    customer_statement,
    general_ledger,
    income_statement,
    journal,
    realised_gains,
    receipts,
    reconciliation,
    settlement_summary,
    tax_lines,
    trial_balance,
    unrealised_gains,
)
from reports.report import Report

REPORTS: Mapping[str, Report] = {
    report.name: report
    for report in (
        trial_balance.REPORT,
        general_ledger.REPORT,
        account_statement.REPORT,
        journal.REPORT,
        receipts.REPORT,
        settlement_summary.REPORT,
        customer_statement.REPORT,
        aged_unconfirmed.REPORT,
        balance_sheet.REPORT,
        income_statement.REPORT,
        accounting_journal.REPORT,
        realised_gains.REPORT,
        unrealised_gains.REPORT,
        tax_lines.REPORT,
        carf.REPORT,
        reconciliation.REPORT,
    )
}
