"""People cancel and mark invoices, by their roles; and an administrator says on what terms they are opened."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from cryptopay.merchants.models import User
from cryptopay.payments import lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.lines import NewLine
from cryptopay.payments.models import Intervention, Invoice, Terms

from .conftest import Shop, arrived, paid_invoice

SignIn = Callable[[User], Client]

SOLD_OUT = {"reason": "Out of stock"}
SETTLED = {"status": "settled", "reason": "Paid in cash"}


def page(name: str, invoice: Invoice) -> str:
    return reverse(f"admin:payments_invoice_{name}_page", args=[invoice.pk])


def shown(invoice: Invoice) -> str:
    return reverse("admin:payments_invoice_change", args=[invoice.pk])


def standing(invoice: Invoice) -> tuple[str, str]:
    invoice.refresh_from_db()
    return invoice.status, invoice.exception


@pytest.fixture
def unpaid(bob: Shop) -> Invoice:
    lines = [NewLine(description="Beans", net="10.00", tax_rate="20")]
    order = NewInvoice(amount="12.00", currency="EUR", methods=("BTC",), order_id="77", lines=lines)
    return lifecycle.open_invoice(bob.book, order).invoice


def test_a_cashier_cancels_and_does_not_mark(bob: Shop, unpaid: Invoice, signed_in: SignIn) -> None:
    cashier = signed_in(bob.members["cashier"])
    assert page("cancel", unpaid) in cashier.get(shown(unpaid)).content.decode()
    assert page("mark", unpaid) not in cashier.get(shown(unpaid)).content.decode()
    assert cashier.post(page("mark", unpaid), SETTLED).status_code == 403
    assert "Out of stock" not in cashier.get(page("cancel", unpaid)).content.decode()
    answer = cashier.post(page("cancel", unpaid), SOLD_OUT)
    assert (answer.status_code, answer.headers["Location"]) == (302, shown(unpaid))
    assert standing(unpaid) == ("cancelled", "none")
    done = Intervention.objects.get()
    assert (done.by, done.reason) == (bob.members["cashier"].username, "Out of stock")
    after = cashier.get(shown(unpaid)).content.decode()
    assert "Out of stock" in after
    assert page("cancel", unpaid) not in after


def test_an_accountant_marks(bob: Shop, unpaid: Invoice, signed_in: SignIn) -> None:
    accountant = signed_in(bob.members["accountant"])
    assert page("mark", unpaid) in accountant.get(shown(unpaid)).content.decode()
    for wrong in ({**SETTLED, "reason": ""}, {**SETTLED, "status": "new"}, {"status": "settled"}):
        assert accountant.post(page("mark", unpaid), wrong).status_code == 200
        assert standing(unpaid) == ("new", "none")
    assert accountant.post(page("mark", unpaid), SETTLED).status_code == 302
    assert standing(unpaid) == ("settled", "marked")
    assert accountant.post(page("mark", unpaid), SETTLED).status_code == 200
    assert Intervention.objects.count() == 1
    assert accountant.post(page("mark", unpaid), {**SETTLED, "status": "invalid"}).status_code == 302
    assert standing(unpaid) == ("invalid", "marked")


def test_who_comes_too_late_is_told_why(bob: Shop, unpaid: Invoice, signed_in: SignIn) -> None:
    """The button was there when the page was made; meanwhile coins were seen."""
    cashier = signed_in(bob.members["cashier"])
    assert cashier.get(page("cancel", unpaid)).status_code == 200
    arrived(unpaid.methods.get().address.text, 5_000)
    answer = cashier.post(page("cancel", unpaid), SOLD_OUT)
    assert answer.status_code == 200
    assert "Coins were seen for the invoice" in answer.content.decode()
    assert standing(unpaid) == ("new", "paid_partial")
    assert not Intervention.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "approver", "auditor", "administrator"])
def test_the_other_roles_do_neither(bob: Shop, unpaid: Invoice, signed_in: SignIn, role: str) -> None:
    client = signed_in(bob.members[role])
    for name, said in (("cancel", SOLD_OUT), ("mark", SETTLED)):
        for answer in (client.get(page(name, unpaid)), client.post(page(name, unpaid), said)):
            assert answer.status_code in (403, 404)
    assert standing(unpaid) == ("new", "none")


def test_threat_39_nobody_touches_anothers_invoice(shops: dict[str, Shop], unpaid: Invoice, signed_in: SignIn) -> None:
    for role in ("cashier", "accountant"):
        client = signed_in(shops["Alice"].members[role])
        for name, said in (("cancel", SOLD_OUT), ("mark", SETTLED)):
            for answer in (client.get(page(name, unpaid)), client.post(page(name, unpaid), said)):
                assert answer.status_code in (403, 404)
                assert "77" not in answer.content.decode()
    assert standing(unpaid) == ("new", "none")


def test_lines_and_their_tax_are_shown(bob: Shop, unpaid: Invoice, signed_in: SignIn) -> None:
    text = signed_in(bob.members["viewer"]).get(shown(unpaid)).content.decode()
    assert "Beans" in text
    assert "20 %" in text
    assert "2.00" in text


def test_a_payment_in_time_and_one_too_late_are_told_apart(bob: Shop, signed_in: SignIn) -> None:
    paid = paid_invoice(bob, "seen")
    accountant = signed_in(bob.members["accountant"])
    accountant.post(page("mark", paid), SETTLED)
    arrived(paid.methods.get().address.text, 5_000)
    text = accountant.get(shown(paid)).content.decode()
    assert "Not yet received, late" in text
    assert "accepted" not in text


def test_an_administrator_says_the_terms(bob: Shop, signed_in: SignIn) -> None:
    administrator = signed_in(bob.members["administrator"])
    terms = Terms.objects.get(book=bob.book)
    change = reverse("admin:payments_terms_change", args=[terms.pk])
    said = {"spread": "0.015", "tolerance": "0.005", "expires_in_seconds": "5400"}
    assert administrator.post(change, said).status_code == 302
    terms.refresh_from_db()
    assert (terms.spread, terms.tolerance, terms.expires_in_seconds) == (Decimal("0.015"), Decimal("0.005"), 5400)
    listed = administrator.get(reverse("admin:payments_terms_changelist")).content.decode()
    assert "1.50 %" in listed
    assert "1 h 30 min" in listed
    for name, wrong in (("spread", "0.6"), ("spread", "-0.1"), ("tolerance", "1"), ("expires_in_seconds", "59")):
        assert administrator.post(change, {**said, name: wrong}).status_code == 200, name
    accountant = signed_in(bob.members["accountant"])
    assert accountant.post(change, said).status_code == 403
