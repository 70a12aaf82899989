"""Invoices and payments in JSON, the same in webhooks and in the REST interface.

Amounts are exact decimal text and base units, both as strings: a JSON number may become a float where it is read.
"""

from typing import Any

from cryptopay.payments.quotes import asked
from cryptopay.payments.status import InvoiceState, MethodState, PaymentState
from ledger.money import Amount


def invoice(state: InvoiceState) -> dict[str, Any]:
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


def method(state: MethodState) -> dict[str, Any]:
    """What is due and paid in one coin."""
    return {
        "asset": state.asset.code,
        "chain": state.chain.code,
        "due": amount(state.due),
        "paid": amount(state.paid),
        "confirmed": amount(state.confirmed),
        "remaining": amount(state.remaining),
    }


def payment(state: PaymentState) -> dict[str, Any]:
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


def amount(value: Amount) -> dict[str, str]:
    return {"asset": value.asset.code, "amount": value.text, "base_units": str(value.base_units)}
