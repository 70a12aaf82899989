"""Invoices and payments in JSON, the same in webhooks and in the REST interface.

Amounts are exact decimal text and base units, both as strings: a JSON number may become a float where it is read.
"""

from datetime import UTC, datetime
from typing import Any

from cryptopay.payments.event_data import AmountTold, InvoiceTold, MethodTold, PaymentTold
from cryptopay.payments.quotes import asked
from cryptopay.payments.status import InvoiceState, MethodState, PaymentState
from ledger.money import Amount, Unit, to_text
from monitor.expectation import Expected, fee_unit
from monitor.models import ChainEvent, TransactionEvent


def invoice(state: InvoiceState) -> InvoiceTold:
    """An invoice without its methods and their addresses."""
    row = state.invoice
    return {
        "id": row.public_id,
        "order_id": row.order_id,
        "customer_ref": row.customer.external_ref if row.customer else None,
        "amount": asked(row.amount, row.currency),
        "currency": row.currency,
        "status": row.status,
        "exception": row.exception,
        "metadata": row.metadata,
    }


def method(state: MethodState) -> MethodTold:
    """What is due and paid in one coin."""
    return {
        "asset": state.asset.code,
        "chain": state.chain.code,
        "contract": state.asset.contract or None,
        "due": amount(state.due),
        "paid": amount(state.paid),
        "confirmed": amount(state.confirmed),
        "remaining": amount(state.remaining),
    }


def payment(state: PaymentState) -> PaymentTold:
    """One payment and how deep it is buried."""
    return {
        "id": state.public_id,
        "invoice_id": state.invoice_id,
        "txid": state.txid,
        "chain": state.chain.code,
        "amount": amount(state.amount),
        "state": state.state,
        "late": state.late,
        "confirmations": state.confirmations,
        "required_confirmations": state.required_confirmations,
        "height": state.height,
    }


def expected(state: Expected) -> dict[str, Any]:
    """When a payment will count, as far as one can see; counted in blocks and in minutes at the chain's mean pace."""
    counts, minutes, mined = state.received_in, state.minutes, state.mined_in
    return {
        "state": state.state,
        "reason": state.reason or None,
        "blocks_low": counts and counts.low,
        "blocks_high": counts and counts.high,
        "minutes_low": minutes and minutes.low,
        "minutes_high": minutes and minutes.high,
        "mined_in_low": mined and mined.low,
        "mined_in_high": mined and mined.high,
        "fee_rate": state.fee_text or None,
        "fee_unit": fee_unit(state.chain) or None,
        "replaceable": state.replaceable,
        "replaced_by": state.replaced_by or None,
        "as_of": state.as_of,
    }


def amount(value: Amount) -> AmountTold:
    return {"asset": value.asset.code, "amount": value.text, "base_units": str(value.base_units)}


def deposit_notice(event: ChainEvent, unit: Unit | None) -> dict[str, Any]:
    """What happened to coins at an address. `unit` None: a token nobody here has named, told in base units alone."""
    deposit = event.deposit
    return {
        "txid": deposit.txid,
        "amount": {
            "asset": unit.code if unit else None,
            "amount": to_text(deposit.base_units, unit.decimals) if unit else None,
            "base_units": str(deposit.base_units),
            "contract": deposit.contract or None,
        },
        **_place(event, deposit.required_confirmations),
    }


def transaction_notice(event: TransactionEvent) -> dict[str, Any]:
    """What happened to a transaction, whatever it pays."""
    row = event.transaction
    return {"txid": row.txid, "amount": None, **_place(event, row.required_confirmations)}


def _place(event: ChainEvent | TransactionEvent, required_confirmations: int | None) -> dict[str, Any]:
    return {
        "appearance": event.appearance,
        "height": event.block_height,
        "block_hash": event.block_hash or None,
        "required_confirmations": required_confirmations,
        "happened_at": moment(event.happened_at),
    }


def moment(at: datetime) -> str:
    """ISO 8601 in UTC."""
    return at.astimezone(UTC).isoformat()


def place(address: str) -> dict[str, str | None]:
    """Where to pay: an address, or on chains with accounts the account, with the memo that says for whom."""
    account, _, memo = address.partition("/")
    return {"address": account or None, "memo": memo or None}
