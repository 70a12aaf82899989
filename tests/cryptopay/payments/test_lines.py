"""What an invoice is made of: lines that sum to its amount exactly, taxed line by line."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopay.payments import lifecycle, lines
from cryptopay.payments.errors import LineInvalid, LinesOffAmount, PaymentError, TaxOffRule
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.lines import NewLine
from ledger.currencies import Fiat
from ledger.models import Book, JournalEntry
from tests.cryptopay.payments.conftest import Ticker

EUR, YEN = Fiat("EUR"), Fiat("JPY")
TEA = NewLine(description="Tea", net="10.00", tax_rate="7", tax="0.70", quantity="2")
CUP = NewLine(description="Cup", net="20.00", tax_rate="19.0")
OFF = NewLine(description="Less, for you are kind", net="-5.00", tax_rate="19", tax="-0.95")
AMOUNT = Decimal("29.20") + Decimal("-0.65")  # 10.70 + 23.80 - 5.95
ALL = [TEA, CUP, OFF]


def euros(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"


def test_read() -> None:
    found = lines.read(ALL, AMOUNT, EUR)
    assert [(line.net, line.tax) for line in found] == [
        (Decimal("10.00"), Decimal("0.70")),
        (Decimal("20.00"), Decimal("3.80")),
        (Decimal("-5.00"), Decimal("-0.95")),
    ]
    assert lines.tax_totals(found) == {"7": {"net": "10", "tax": "0.7"}, "19": {"net": "15", "tax": "2.85"}}
    assert lines.read([], AMOUNT, EUR) == []
    assert lines.tax_totals([]) is None


@pytest.mark.parametrize(
    ("net", "tax_rate", "tax"),
    [
        ("0.50", "5", "0.03"),  # 0.025: half away from zero
        ("-0.50", "5", "-0.03"),
        ("0.49", "5", "0.02"),
        ("0.05", "19", "0.01"),
        ("0.02", "19", "0.00"),
        ("9999999999999999999999999999999999.99", "7.7", "770000000000000000000000000000000.00"),
        ("100.00", "0", "0.00"),
        ("100.00", "100", "100.00"),
        ("33.33", "8.875", "2.96"),
    ],
)
def test_tax_is_rounded_by_the_line(net: str, tax_rate: str, tax: str) -> None:
    amount = Decimal(euros(int((Fraction(net) + Fraction(tax)) * 100)))
    (line,) = lines.read([NewLine(description="x", net=net, tax_rate=tax_rate, tax=tax)], amount, EUR)
    assert line.tax == Decimal(tax)


def test_a_yen_has_no_cents() -> None:
    (line,) = lines.read([NewLine(description="x", net="105", tax_rate="10")], Decimal(116), YEN)
    assert line.tax == 11
    with pytest.raises(LineInvalid):
        lines.read([NewLine(description="x", net="105.5", tax_rate="10")], Decimal(116), YEN)


@pytest.mark.parametrize(
    ("changed", "error", "pointer"),
    [
        ({"net": "10.001"}, LineInvalid, "/lines/1/net"),
        ({"net": "--1"}, LineInvalid, "/lines/1/net"),
        ({"net": "1e3"}, LineInvalid, "/lines/1/net"),
        ({"net": "NaN"}, LineInvalid, "/lines/1/net"),
        ({"tax": "3.79"}, TaxOffRule, "/lines/1/tax"),
        ({"tax": "-3.80"}, TaxOffRule, "/lines/1/tax"),
        ({"tax": "x"}, LineInvalid, "/lines/1/tax"),
        ({"tax_rate": "100.0001"}, LineInvalid, "/lines/1/tax_rate"),
        ({"tax_rate": "-19"}, LineInvalid, "/lines/1/tax_rate"),
        ({"tax_rate": "19%"}, LineInvalid, "/lines/1/tax_rate"),
        ({"tax_rate": "1.00001"}, LineInvalid, "/lines/1/tax_rate"),
        ({"quantity": "0"}, LineInvalid, "/lines/1/quantity"),
        ({"quantity": "-1"}, LineInvalid, "/lines/1/quantity"),
        ({"description": " "}, LineInvalid, "/lines/1/description"),
        ({"net": "20.01"}, LinesOffAmount, "/lines"),
    ],
)
def test_wrong_lines(changed: dict[str, str], error: type[PaymentError], pointer: str) -> None:
    wrong = NewLine(**{"description": "Cup", "net": "20.00", "tax_rate": "19.0", **changed})
    with pytest.raises(error) as refused:
        lines.read([TEA, wrong, OFF], AMOUNT, EUR)
    assert refused.value.pointer == pointer


_rates = st.decimals(min_value=0, max_value=100, places=4, allow_nan=False)


@given(st.lists(st.tuples(st.integers(-(10**40), 10**40), _rates), min_size=1, max_size=8))
def test_threat_24_lines_sum_exactly(parts: list[tuple[int, Decimal]]) -> None:
    """Each tax is off the exact one by half a cent at most; nets and taxes by rate are the lines', to the cent."""
    asked = [NewLine(description="x", net=euros(net), tax_rate=str(rate)) for net, rate in parts]
    taxes = [lines.tax_of(net, rate) for net, rate in parts]
    for (net, rate), tax in zip(parts, taxes, strict=True):
        assert abs(tax - Fraction(net) * Fraction(rate) / 100) <= Fraction(1, 2)
    cents = sum(net + tax for (net, _), tax in zip(parts, taxes, strict=True))
    found = lines.read(asked, Decimal(euros(cents)), EUR)
    totals = lines.tax_totals(found) or {}
    assert sum(Fraction(text) for each in totals.values() for text in each.values()) * 100 == cents
    assert [Fraction(line.tax) * 100 for line in found] == taxes


@pytest.mark.django_db
def test_they_are_kept_and_the_sale_names_the_tax_once(alice: Book, bitcoin: Ticker, ethereum: Ticker) -> None:
    order = NewInvoice(amount="28.55", currency="EUR", methods=["BTC", "ETH"], lines=ALL)
    invoice = lifecycle.open_invoice(alice, order).invoice
    assert [line.description for line in invoice.lines.order_by("position")] == [line.description for line in ALL]
    due = {method.asset.code: method.due_base_units for method in invoice.methods.select_related("asset")}
    for ticker, coin in ((bitcoin, "BTC"), (ethereum, "ETH")):
        ticker.see(invoice, -(-due[coin] // 2), mined=True)
        ticker.bury(100)
        ticker.drain()
    sales = JournalEntry.objects.filter(book=alice, source="invoice").order_by("pk")
    assert len(sales) == 2
    totals = {"7": {"net": "10", "tax": "0.7"}, "19": {"net": "15", "tax": "2.85"}}
    assert (sales[0].meta["tax"], sales[0].meta["currency"]) == (totals, "EUR")
    assert "tax" not in sales[1].meta
