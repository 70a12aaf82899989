"""The reports there are. A new one is a file beside this one, with its `REPORT`, and its name here; pages, CSV, XLSX,
PDF and JSON, the forms they are asked by and the API follow from that.
"""

from collections.abc import Mapping

from reports import receipts, trial_balance
from reports.report import Report

REPORTS: Mapping[str, Report] = {
    report.name: report
    for report in (
        trial_balance.REPORT,
        receipts.REPORT,
    )
}
