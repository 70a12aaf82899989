"""What the rooms' errors mean in HTTP, in one table; `problems` writes them out.

Each carries a stable `code`; `STATUS_OF_CODE` gives its status by this rule:

    400   wrong whatever the state of the world: the form of an amount, of a key, of a URL
    403   this API key may not
    404   not there, or another tenant's
    409   right, but not in the present state
    422   well formed, and refused as this merchant is set up: no key for the chain, no such currency
    429   not so much at once
    503   not now: no trustworthy rate, no node, no verified address

An error whose code is not in the table is a fault of ours: 500, and its text stays in the log.
"""

from collections.abc import Mapping
from http import HTTPStatus

from rest_framework import exceptions

CONTENT_TYPE = "application/problem+json"

_STATUS: Mapping[HTTPStatus, tuple[str, ...]] = {
    HTTPStatus.BAD_REQUEST: (
        "amount_malformed",
        "amount_too_precise",
        "amount_out_of_range",
        "amount_not_positive",
        "tolerance_invalid",
        "expiry_invalid",
        "reason_invalid",
        "line_invalid",
        "line_tax_mismatch",
        "lines_amount_mismatch",
        "credential_invalid",
        "address_invalid",
        "range_invalid",
        "extended_key_invalid",
        "external_ref_invalid",
        "webhook_url_refused",
        "event_type_invalid",
        "entry_unbalanced",
        "leg_invalid",
        "account_code_invalid",
        "rate_invalid",
        "scope_invalid",
        "key_expiry_invalid",
        "test_amount_invalid",
        "unknown_parameter",
        "parameter_missing",
        "day_invalid",
        "year_invalid",
        "period_invalid",
        "choice_invalid",
        "threshold_invalid",
        "format_unavailable",
    ),
    HTTPStatus.FORBIDDEN: ("scope_exceeded", "test_key_needed"),
    HTTPStatus.NOT_FOUND: ("not_found",),
    HTTPStatus.CONFLICT: (
        "invoice_closed",
        "invoice_paid",
        "invoice_not_markable",
        "credential_in_use",
        "addresses_exhausted",
        "too_many_endpoints",
        "too_many_watches",
        "watch_conflict",
        "reading_again",
        "endpoint_disabled",
        "account_closed",
        "account_not_empty",
        "account_stays_open",
        "balance_below_floor",
        "balance_too_large",
        "entry_conflict",
        "entry_not_pending",
        "entry_already_resolved",
        "entry_not_reversible",
        "entry_already_reversed",
        "entry_priced",
        "period_closed",
        "package_not_ready",
        "api_key_ended",
        "entries_unpriced",
        "too_many_exports",
        "export_not_ready",
        "faucet_refused",
        "faucet_busy",
        "nothing_due",
        "nothing_to_double_spend",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "currency_unknown",
        "payment_method_unavailable",
        "amount_below_minimum",
        "no_key_for_chain",
        "since_height_too_low",
        "account_unknown",
        "account_ambiguous",
        "asset_unknown",
        "customer_unknown",
        "report_too_long",
        "entry_too_long",
        "test_mode_off",
        "test_action_unavailable",
        "test_method_missing",
        "reorg_too_deep_for_chain",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: ("mining_limited",),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "rate_missing",
        "rate_stale",
        "rate_suspect",
        "address_verification_failed",
        "sealed_key_unreadable",
        "webhook_secret_unreadable",
        "chain_halted",
        "chain_unavailable",
        "not_a_development_chain",
        "faucet_unavailable",
    ),
}
STATUS_OF_CODE: Mapping[str, HTTPStatus] = {code: status for status, codes in _STATUS.items() for code in codes}


class Problem(exceptions.APIException):
    """A refusal on its way out. `pointer` is a JSON Pointer (RFC 6901) into the body."""

    def __init__(self, status: int, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.code = code
        self.pointer = pointer


class BodyRefused(exceptions.ValidationError):
    """The body cannot be taken as it is; `pointer` says where."""

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(detail, code)
        self.pointer = pointer


def from_domain(exc: Exception, pointer: str = "") -> Problem | None:
    """The answer to an error of one of the rooms; None: no code we know. `pointer` wins over its own."""
    code = getattr(exc, "code", None)
    if not isinstance(code, str) or code not in STATUS_OF_CODE:
        return None
    return Problem(STATUS_OF_CODE[code], code, _sentence(str(exc)), pointer or getattr(exc, "pointer", ""))


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def escaped(name: str) -> str:
    """RFC 6901, section 3."""
    return name.replace("~", "~0").replace("/", "~1")
