"""Every error a room can raise has been thought of: it has an HTTP status, or it is a fault of ours."""

from http import HTTPStatus

import cryptopay.merchants.errors
import cryptopay.monthend.errors
import cryptopay.payments.errors
import cryptopay.testmode.errors
import cryptopay.webhooks.errors
import keys.errors
import ledger.appendonly
import ledger.errors
import monitor.connectors.base
import monitor.errors
import reports.errors
from cryptopay.api.errors import STATUS_OF_CODE, from_domain
from cryptopay.payments.errors import UnknownInvoice, UnknownMethod
from ledger.money import BadAmount

ROOMS = [
    cryptopay.merchants.errors,
    cryptopay.monthend.errors,
    cryptopay.payments.errors,
    cryptopay.testmode.errors,
    cryptopay.webhooks.errors,
    keys.errors,
    ledger.appendonly,
    ledger.errors,
    monitor.connectors.base,
    monitor.errors,
    reports.errors,
]
FAULTS = {
    "merchants_error", "payment_error", "test_mode_error", "webhooks_error", "month_end_error",  # roots
    "keys_error", "ledger_error", "rate_error", "report_error",
    "row_is_permanent", "books_hidden", "sealed_ahead", "batch_invalid",
    "second_person_needed", "proposal_already_decided", "reason_missing",  # of people in the back office
    "period_not_over", "period_already_closed", "period_not_closed", "review_missing",
    "intake_out_of_step", "index_has_no_key", "chain_family_unknown", "encryption_key_missing",
    "chain_busy", "node_error", "node_behind", "tip_stale", "reorg_too_deep",  # requests never speak to a node
    "chain_on", "receipt_not_assignable", "payer_unknown",  # of commands and of people in the back office
    "entry_derived", "closing_rates_missing",  # of commands and of people in the back office
    "team_refused", "invitation_ended",  # of people on their own pages
    "reconciliation_not_ready", "not_sealed_yet",  # of the worker
    "case_resolved", "explains_too_much", "explanation_unknown", "month_not_ready", "file_unreadable",  # of accountants
}  # fmt: skip
"""Codes no request can cause. Should one arrive all the same, the answer is 500 and its text stays in the log."""


def test_every_code_has_a_status_or_is_a_fault() -> None:
    codes = {
        error.code
        for room in ROOMS
        for error in vars(room).values()
        if isinstance(error, type) and issubclass(error, Exception) and isinstance(getattr(error, "code", None), str)
    }
    assert len(codes) > 40
    assert codes - set(STATUS_OF_CODE) - FAULTS == set(), "Say in api/errors.py what these mean in HTTP"
    assert not FAULTS & set(STATUS_OF_CODE)
    parsed = {"amount_malformed", "amount_too_precise", "amount_out_of_range"}
    assert set(STATUS_OF_CODE) - codes == parsed, "These codes are nobody's any more"


def test_conversion() -> None:
    refused = from_domain(UnknownMethod("there is no such coin", "/method"))
    assert refused
    assert (refused.status_code, refused.code, refused.pointer) == (422, "payment_method_unavailable", "/method")
    assert str(refused.detail) == "There is no such coin."
    amount = from_domain(BadAmount("amount_malformed", "no!"), "/amount")
    assert amount
    assert (amount.status_code, amount.pointer, str(amount.detail)) == (400, "/amount", "No!")
    missing = from_domain(UnknownInvoice("none"))
    assert missing
    assert missing.status_code == HTTPStatus.NOT_FOUND


def test_foreign_codes_are_not_taken_for_ours() -> None:
    class Foreign(Exception):
        code = "unknown"

    class Numbered(Exception):
        code = 404

    assert from_domain(Foreign()) is None
    assert from_domain(Numbered()) is None
    assert from_domain(ValueError()) is None
