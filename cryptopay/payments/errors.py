"""Why a payment request was refused. Each has a stable `code`; `pointer` names the field of the request, if any."""

from typing import ClassVar


class PaymentError(Exception):
    """Refused; nothing was written."""

    code: ClassVar[str] = "payment_error"

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer


class UnknownCurrency(PaymentError):
    """Neither a coin this book can be paid in nor a fiat currency."""

    code = "currency_unknown"


class UnknownMethod(PaymentError):
    """No such asset, no key of the book's or no node for its chain, or the invoice is in another coin."""

    code = "payment_method_unavailable"


class AmountNotPositive(PaymentError):
    """Zero."""

    code = "amount_not_positive"


class AmountBelowMinimum(PaymentError):
    """So small that the chain calls it dust; a payment of it would not be credited."""

    code = "amount_below_minimum"


class ToleranceInvalid(PaymentError):
    """Not a share of the amount from 0 up to, but not including, 1."""

    code = "tolerance_invalid"


class LineInvalid(PaymentError):
    """A line of an invoice cannot be read."""

    code = "line_invalid"


class TaxOffRule(PaymentError):
    """A line's tax is not its net times its rate, rounded to the minor unit, half away from zero."""

    code = "line_tax_mismatch"


class LinesOffAmount(PaymentError):
    """All nets and taxes are not the invoice's amount."""

    code = "lines_amount_mismatch"


class ExpiryInvalid(PaymentError):
    """Shorter than a minute or longer than thirty days."""

    code = "expiry_invalid"


class InvoiceClosed(PaymentError):
    """The invoice is no longer new: no further payment method can be chosen, and it cannot be cancelled."""

    code = "invoice_closed"


class InvoicePaid(PaymentError):
    """Coins were seen for the invoice: it can be marked, and not cancelled."""

    code = "invoice_paid"


class InvoiceStandsSo(PaymentError):
    """The invoice is there already, or nobody takes it there from where it is."""

    code = "invoice_not_markable"


class ReasonMissing(PaymentError):
    """What is done by hand has a reason of 1 to 300 visible characters."""

    code = "reason_invalid"


class UnknownInvoice(PaymentError):
    """This book has no such invoice."""

    code = "not_found"


class NotAssignable(PaymentError):
    """Not received for good, or assigned before."""

    code = "receipt_not_assignable"


class UnknownPayer(PaymentError):
    """Neither a customer nor an invoice of these books."""

    code = "payer_unknown"


class IntakeOutOfStep(Exception):
    """The journal and the chain's events disagree. The chain's intake stops here until a person has looked."""

    code = "intake_out_of_step"
