"""Why a payment request was refused. Each has a stable `code`; `pointer` names the field of the request, if there is one."""

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
    """No such asset, or the book has no key or the installation no node for its chain."""

    code = "payment_method_unavailable"


class AmountRefused(PaymentError):
    """Negative, zero, over-precise or huge."""

    code = "amount_invalid"


class InvoiceClosed(PaymentError):
    """The invoice is no longer new: no further payment method can be chosen."""

    code = "invoice_closed"


class IntakeOutOfStep(Exception):
    """The journal and the chain's events disagree. The chain's intake stops here until a person has looked."""

    code = "intake_out_of_step"
