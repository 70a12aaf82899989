"""The pages of the books in a browser, on a telephone and on a desk: nothing is refused by the policy, nothing hangs
over the edge, and on paper only the sheet is left.

`CRYPTOPAY_SCREENSHOTS` names a folder for pictures of them; the handbook's is `backoffice-explanation-1400-light`.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route

from cryptopay.devnet import places
from cryptopay.merchants.models import User
from cryptopay.monthend.models import Case
from ledger import chart, journal
from ledger.journal import Entry, Leg
from ledger.manual import SOURCE
from ledger.models import Account, JournalEntry, Proposal
from tests.cryptopay.checkout.gallery import keep

from .conftest import Shop

SignIn = Callable[[User], Client]
WIDTHS = (390, 1400)
JUDGED = ("close the month", "import", "reconciliation", "case", "exports", "reports", "general ledger", "today")


class Looking:
    """A tab that is given what the test client was answered, in the test's own transaction. Playwright calls back
    in a context of its own, in which Django would open another connection; so answers are asked for beforehand.
    """

    def __init__(self, page: Page, client: Client) -> None:
        self.page, self.client = page, client
        self.complaints: list[str] = []
        self.answers: dict[str, HttpResponse] = {}
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route("**/*", self._answer)

    def know(self, path: str) -> None:
        self.answers[path] = self.client.get(path)

    def at(self, path: str, width: int) -> Page:
        self.know(path)
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.goto(f"http://localhost{path}")
        self.page.wait_for_function("!document.documentElement.hasAttribute('x-cloak')")
        return self.page

    def _answer(self, route: Route) -> None:
        parts = urlsplit(route.request.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if path in self.answers:
            answer = self.answers[path]
            headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
            route.fulfill(status=answer.status_code, headers=headers, body=answer.content)
        elif parts.path == reverse("admin:jsi18n"):
            route.fulfill(content_type="text/javascript", body="")
        else:
            found = finders.find(parts.path.removeprefix("/static/"))
            assert isinstance(found, str), path
            route.fulfill(path=found)


@pytest.fixture
def looking(browser: Browser, shops: dict[str, Shop], signed_in: SignIn) -> Looking:
    return Looking(browser.new_page(), signed_in(shops["Bob"].members["accountant"]))


def _written_by_hand(custody: Account) -> int:
    """An entry a person may price."""
    opening = chart.find(custody.book_id, "equity:opening", custody.asset)
    at = timezone.now()
    legs = [Leg(custody, debit=5), Leg(opening, credit=5)]
    entry = Entry(
        book_id=custody.book_id, idem="opening", legs=legs, effective_at=at, description="What was there", source=SOURCE
    )
    return journal.post(entry)


def pages_of(shop: Shop) -> dict[str, str]:
    """The books' pages, by what they are."""
    custody = Account.objects.get(book=shop.book, code__startswith="assets:custody:")
    settled = JournalEntry.objects.filter(book=shop.book, kind=JournalEntry.Kind.SETTLE)[0]
    manual, case = Proposal.objects.get(book=shop.book, kind="entry"), Case.objects.get(book=shop.book)
    return {
        "today": reverse("admin:index"),
        "tree": f"{reverse('admin:ledger_account_tree')}?book={shop.book.pk}",
        "accounts": reverse("admin:ledger_account_changelist"),
        "statement": reverse("admin:ledger_account_change", args=[custody.pk]),
        "explanation": reverse("admin:ledger_account_explain", args=[custody.pk]),
        "open an account": f"{reverse('admin:ledger_account_open_page')}?book={shop.book.pk}",
        "journal": reverse("admin:ledger_journalentry_changelist"),
        "entry": reverse("admin:ledger_journalentry_change", args=[settled.pk]),
        "new entry": f"{reverse('admin:ledger_journalentry_enter_page')}?book={shop.book.pk}",
        "reverse": reverse("admin:ledger_journalentry_reverse_page", args=[settled.pk]),
        "price": reverse("admin:ledger_journalentry_price_page", args=[_written_by_hand(custody)]),
        "realised gains": f"{reverse('admin:report', args=['realised-gains'])}?book={shop.book.pk}",
        "unrealised gains": f"{reverse('admin:report', args=['unrealised-gains'])}?book={shop.book.pk}",
        "proposals": reverse("admin:ledger_proposal_changelist"),
        "proposal": reverse("admin:ledger_proposal_change", args=[manual.pk]),
        "periods": reverse("admin:ledger_periodchange_changelist"),
        "period": f"{reverse('admin:ledger_periodchange_ask_page')}?book={shop.book.pk}",
        "close the month": f"{reverse('admin:closing')}?book={shop.book.pk}",
        "import": f"{reverse('admin:import')}?book={shop.book.pk}",
        "reconciliation": reverse("admin:reconciliation"),
        "cases": reverse("admin:monthend_case_changelist"),
        "case": reverse("admin:monthend_case_change", args=[case.pk]),
        "books": reverse("admin:ledger_book_changelist"),
        "book": reverse("admin:ledger_book_change", args=[shop.book.pk]),
        "cost method": reverse("admin:ledger_book_method_page", args=[shop.book.pk]),
        "rates": f"{reverse('admin:rates_now')}?book={shop.book.pk}",
        "set a rate": reverse("admin:ledger_rate_set_page"),
        "reports": reverse("admin:reports"),
        "general ledger": f"{reverse('admin:report', args=['general-ledger'])}?book={shop.book.pk}",
        "a report that asks": f"{reverse('admin:report', args=['account-statement'])}?book={shop.book.pk}",
        "exports": reverse("admin:exports"),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_the_books_fit_and_break_no_policy(shops: dict[str, Shop], looking: Looking, scheme: str) -> None:
    looking.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for name, path in pages_of(shops["Bob"]).items():
        for width in WIDTHS:
            page = looking.at(path, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"
            assert not looking.complaints, f"{name}: {looking.complaints}"
            assert page.locator("h1, h2").count(), name
            keep(page, f"backoffice-{name.replace(' ', '-')}-{width}-{scheme}")


_JUDGE = """() => axe.run(document.querySelector("#content") || document.body)
  .then((judged) => judged.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_core_finds_nothing_on_the_pages_of_the_month_and_of_files(
    shops: dict[str, Shop], looking: Looking, scheme: str
) -> None:
    looking.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    paths = pages_of(shops["Bob"])
    found = {}
    for name in JUDGED:
        page = looking.at(paths[name], WIDTHS[scheme == "dark"])
        page.evaluate(places.AXE.read_text())
        found[name] = page.evaluate(_JUDGE)
    assert {name: words for name, words in found.items() if words} == {}


def test_a_printed_sheet_is_only_the_sheet(shops: dict[str, Shop], looking: Looking) -> None:
    paths = pages_of(shops["Bob"])
    for name in ("statement", "explanation"):
        page = looking.at(paths[name], WIDTHS[1])
        page.emulate_media(media="print")
        for hidden in ("#nav-sidebar", ".no-print", "#header-inner"):
            assert not page.locator(hidden).first.is_visible(), f"{name} {hidden}"
        assert page.get_by_text("assets:custody:bitcoin-regtest").first.is_visible()
        page.emulate_media(media="screen")


def test_accounts_are_offered_while_one_is_typed(shops: dict[str, Shop], looking: Looking) -> None:
    book, typed = shops["Bob"].book, "custody"
    looking.know(f"{reverse('admin:ledger_account_offered')}?book={book.pk}&q={typed}")
    page = looking.at(pages_of(shops["Bob"])["new entry"], WIDTHS[1])
    page.locator("select[name=book]").first.wait_for()
    page.locator("input[name=account]").first.fill(typed)
    page.wait_for_function("document.querySelectorAll('#accounts option').length === 1")
    assert page.locator("#accounts option").get_attribute("value") == "assets:custody:bitcoin-regtest BTC"
