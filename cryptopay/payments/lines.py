"""What an invoice is made of: lines with net, tax rate and tax, which sum to its amount exactly.

Tax is rounded line by line: net times rate, to the currency's minor unit (a coin's base unit), half away from zero.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor

from cryptopay.payments.errors import LineInvalid, LinesOffAmount, TaxOffRule
from cryptopay.payments.models import Invoice, InvoiceLine
from ledger.money import BadAmount, Unit, parse, plain, to_decimal, to_text

MOST_LINES = 200
LARGEST_RATE = 100
_EXACT_DIGITS = 120
"""More than the sum of any lines has."""
_RATE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,4})?", re.ASCII)
_QUANTITY = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,4})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """`net` is of the whole line, below zero for a discount. `tax`, where it is given, must be what the rule gives."""

    description: str
    net: str
    tax_rate: str = "0"
    tax: str | None = None
    quantity: str = "1"


def read(lines: Sequence[NewLine], amount: Decimal, unit: Unit) -> list[InvoiceLine]:
    """The lines of an invoice of `amount`, not stored. Raises `LineInvalid`, `TaxOffRule`, `LinesOffAmount`."""
    found = [_read(line, number, unit) for number, line in enumerate(lines)]
    total = _sum(part for line in found for part in (line.net, line.tax))
    if found and total != amount:
        raise LinesOffAmount(f"the lines sum to {plain(total)}, the amount is {plain(amount)}", "/lines")
    return found


def tax_of(net_units: int, tax_rate: Decimal) -> int:
    """Tax in minor units on a net amount in minor units; `tax_rate` in per cent."""
    exact = Fraction(net_units) * Fraction(tax_rate) / 100
    rounded = floor(abs(exact) + Fraction(1, 2))
    return rounded if exact >= 0 else -rounded


def tax_totals(lines: Sequence[InvoiceLine]) -> dict[str, dict[str, str]] | None:
    """Net and tax by rate, as `Invoice.tax_totals` keeps them."""
    by_rate: dict[str, list[InvoiceLine]] = {}
    for line in lines:
        by_rate.setdefault(plain(line.tax_rate), []).append(line)
    totals = {
        rate: {"net": plain(_sum(line.net for line in of_it)), "tax": plain(_sum(line.tax for line in of_it))}
        for rate, of_it in by_rate.items()
    }
    return totals or None


def store(lines: Sequence[InvoiceLine], invoice: Invoice) -> None:
    """In the transaction that opens the invoice."""
    for line in lines:
        line.book_id, line.invoice = invoice.book_id, invoice
    InvoiceLine.objects.bulk_create(lines)


def _read(line: NewLine, number: int, unit: Unit) -> InvoiceLine:
    at = f"/lines/{number}"
    if not line.description.strip():
        raise LineInvalid("a line says what it is", f"{at}/description")
    tax_rate = _decimal(line.tax_rate, _RATE, f"{at}/tax_rate")
    if tax_rate > LARGEST_RATE:
        raise LineInvalid(f"a tax rate is {LARGEST_RATE} per cent at most", f"{at}/tax_rate")
    quantity = _decimal(line.quantity, _QUANTITY, f"{at}/quantity")
    if quantity == 0:
        raise LineInvalid("a line is of something", f"{at}/quantity")
    net = _signed(line.net, unit, f"{at}/net")
    tax = tax_of(net, tax_rate)
    if line.tax is not None and _signed(line.tax, unit, f"{at}/tax") != tax:
        raise TaxOffRule(f"{line.tax_rate} per cent of {line.net} are {to_text(tax, unit.decimals)}", f"{at}/tax")
    return InvoiceLine(
        position=number,
        description=line.description,
        quantity=quantity,
        net=to_decimal(net, unit.decimals),
        tax_rate=tax_rate,
        tax=to_decimal(tax, unit.decimals),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    with localcontext(prec=_EXACT_DIGITS):
        return sum(amounts, Decimal(0))


def _decimal(text: str, form: re.Pattern[str], pointer: str) -> Decimal:
    if not form.fullmatch(text):
        raise LineInvalid("a plain decimal with at most four decimals", pointer)
    return Decimal(text)


def _signed(text: str, unit: Unit, pointer: str) -> int:
    """In minor units; a discount is below zero."""
    try:
        units = parse(text.removeprefix("-"), unit).base_units
    except BadAmount as error:
        raise LineInvalid(str(error), pointer) from None
    return -units if text.startswith("-") else units
