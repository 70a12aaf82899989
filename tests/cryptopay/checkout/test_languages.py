"""Five languages: no word is missing, the right one is chosen, numbers and plurals are the language's own."""

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from django.conf import settings
from django.test import Client
from django.utils import timezone, translation
from django.utils.formats import date_format

from cryptopay.checkout import languages
from cryptopay.devnet import messages
from cryptopay.payments.models import Invoice
from monitor.wording import length
from tests import queues
from tests.queues import Standings

BTC = "BTC@bitcoin-regtest"
CATALOGUES = [(room, language) for room in messages.SOURCES for language in messages.LANGUAGES]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
HEADLINES = {
    "en": "Waiting for your payment",
    "fr": "En attente de votre paiement",
    "de": "Wir warten auf Ihre Zahlung",
    "es": "A la espera de su pago",
    "ar": "بانتظار دفعتك",
}


def _page(client: Client, invoice: Invoice, query: str = "", **headers: str) -> str:
    answer = client.get(f"/pay/{invoice.public_id}{query}", headers=headers)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def _language(client: Client, invoice: Invoice, query: str = "", accept: str = "") -> str:
    text = _page(client, invoice, query, **{"accept-language": accept})
    found = re.search(r'<html lang="(\w+)"', text)
    assert found
    assert HEADLINES[found[1]] in text
    return found[1]


def test_the_page_has_the_languages_that_are_kept() -> None:
    assert sorted(languages.CODES) == sorted({"en", *messages.LANGUAGES})
    assert {messages.path(room, "fr").parents[2] for room in messages.SOURCES} == set(map(Path, settings.LOCALE_PATHS))


@pytest.mark.parametrize(("room", "language"), CATALOGUES)
def test_no_message_is_untranslated(room: str, language: str) -> None:
    """What code and templates say now is what the catalogue has, and nothing else. Fix: make messages."""
    wanted, kept = messages.wanted(room, language), messages.kept(room, language)
    assert {message.id for message in kept} == {message.id for message in wanted}
    assert not kept.obsolete
    for message in kept:
        if message.id:
            forms = messages.forms(message.string)
            assert all(forms), message.id
            assert not message.fuzzy, message.id
            assert len(forms) == (kept.num_plurals if message.pluralizable else 1), message.id
    assert not [problem for message in kept for problem in message.check(kept)]


@pytest.mark.parametrize(("room", "language"), CATALOGUES)
def test_placeholders_are_kept(room: str, language: str) -> None:
    """One may be left out where a plural form says the number in words; none is invented."""
    for message in _translated(messages.kept(room, language)):
        for form in messages.forms(message.string):
            said = sorted(PLACEHOLDER.findall(messages.forms(message.id)[-1]))
            assert sorted(PLACEHOLDER.findall(form)) == said or message.pluralizable, message.id
            assert set(PLACEHOLDER.findall(form)) <= set(said), message.id
            assert form.count("%") == len(PLACEHOLDER.findall(form)), message.id


@pytest.mark.parametrize(("room", "language"), CATALOGUES)
def test_what_is_compiled_is_what_is_translated(room: str, language: str) -> None:
    compiled = messages.path(room, language).with_suffix(".mo").read_bytes()
    assert compiled == messages.compiled(messages.kept(room, language)), "make messages"


def _translated(catalogue: Catalog) -> list[Any]:
    return [message for message in catalogue if message.id]


def test_a_word_that_is_not_translated_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "words.py").write_text('_("Hello %(name)s"); ngettext("one", "many", n)\n')
    (tmp_path / "room" / "page.html").write_text('{% load i18n %}\n  {% translate "Bye" as bye %}<p>\n{{ bye }}</p>')
    monkeypatch.setattr(messages.places, "CHECKOUT", tmp_path)
    monkeypatch.setattr(messages, "SOURCES", {"room": ("room/*.py", "room/*.html")})
    monkeypatch.setattr(messages, "LANGUAGES", ("ar",))
    assert messages.refresh() == 3
    assert {message.id for message in _translated(messages.kept("room", "ar"))} == {
        *("Hello %(name)s", "Bye"),
        ("one", "many"),
    }
    catalogue = messages.kept("room", "ar")
    catalogue["Bye"].string = "وداعًا"
    messages._write(messages.path("room", "ar"), catalogue)
    assert messages.refresh() == 2
    assert messages.kept("room", "ar")["Bye"].string == "وداعًا"


@pytest.mark.parametrize(
    ("query", "accept", "merchants", "chosen"),
    [
        ("", "", "", "en"),
        ("", "fr-CA, en;q=0.5", "", "fr"),
        ("", "pt, de-AT;q=0.8, es;q=0.9", "", "es"),
        ("", "pt, *;q=0.5", "de", "de"),
        ("", "en", "de", "en"),
        ("?lang=ar", "fr", "de", "ar"),
        ("?lang=xx", "fr", "de", "fr"),
        ("?lang=../../etc", "", "es", "es"),
        ("", "x" * 5000, "", "en"),
    ],
)
def test_link_before_browser_before_merchant(
    client: Client, till: Any, query: str, accept: str, merchants: str, chosen: str
) -> None:
    till.merchant.payment_page_language = merchants
    till.merchant.save()
    assert _language(client, till.open(BTC), query, accept) == chosen


@pytest.mark.parametrize("language", languages.CODES)
def test_every_language_speaks_and_leads_to_the_others(client: Client, till: Any, language: str) -> None:
    invoice = till.open(BTC)
    text = _page(client, invoice, f"?lang={language}")
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in text
    assert f'hreflang="{language}" lang="{language}" aria-current="true"' in text
    for other in languages.CODES:
        assert f"/pay/{invoice.public_id}?lang={other}&method=BTC%40bitcoin-regtest" in text
    assert f"/pay/{invoice.public_id}/state?lang={language}&method=BTC%40bitcoin-regtest" in text
    answer = client.get(f"/pay/{invoice.public_id}/state?lang={language}")
    assert HEADLINES[language] in answer.content.decode()
    assert answer["Content-Language"] == language


def test_the_language_goes_along_when_a_method_is_chosen(client: Client, till: Any) -> None:
    invoice = till.open()
    assert f'action="/pay/{invoice.public_id}/method?lang=es"' in _page(client, invoice, "?lang=es")
    answer = client.post(f"/pay/{invoice.public_id}/method?lang=es", {"method": BTC})
    assert answer["Location"] == f"/pay/{invoice.public_id}?lang=es&method=BTC%40bitcoin-regtest"


def test_nobody_else_is_spoken_to_in_the_payers_language(client: Client, till: Any) -> None:
    _page(client, till.open(BTC), "?lang=de")
    assert translation.get_language() == "en"


@pytest.mark.parametrize(
    ("language", "asked", "rate"),
    [
        ("en", "1,234.50 EUR", "1 BTC = 80,000 EUR"),
        ("fr", "1\xa0234,50 EUR", "1 BTC = 80\xa0000 EUR"),
        ("de", "1.234,50 EUR", "1 BTC = 80.000 EUR"),
        ("es", "1\xa0234,50 EUR", "1 BTC = 80\xa0000 EUR"),
        ("ar", "1234,50 EUR", "1 BTC = 80000 EUR"),
    ],
)
def test_prices_are_the_languages_and_what_is_sent_is_exact(
    client: Client, till: Any, language: str, asked: str, rate: str
) -> None:
    text = _page(client, till.open(BTC, amount="1234.50"), f"?lang={language}")
    assert asked in text
    assert rate in text
    assert 'data-text="0.01543125"' in text
    assert '<span id="amount">0.01543125</span>' in text


def test_a_far_deadline_has_its_date_and_is_counted_in_days(client: Client, till: Any) -> None:
    invoice = till.open(BTC, expires_in_seconds=20 * 24 * 3600)
    text = _page(client, invoice, "?lang=de")
    with translation.override("de"):
        date = date_format(invoice.expires_at, "DATE_FORMAT")
    assert re.fullmatch(r"\d{1,2}\. [A-Z]\S+ 20\d\d", date)
    assert f"{date}, \u2068{invoice.expires_at:%H:%M} UTC\u2069" in text
    assert "noch 20 Tage" in text


def test_a_moment_of_today_has_no_date() -> None:
    now = timezone.now().replace(hour=12)
    assert languages.moment(now + timedelta(hours=1), now) == f"\u2068{now + timedelta(hours=1):%H:%M} UTC\u2069"
    assert "," in languages.moment(now + timedelta(days=1), now)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ["0 minute", "1 minute", "2 minutes", "11 minutes", "100 minutes"]),
        ("de", ["0 Minuten", "1 Minute", "2 Minuten", "11 Minuten", "100 Minuten"]),
        ("es", ["0 minutos", "1 minuto", "2 minutos", "11 minutos", "100 minutos"]),
        ("ar", ["0 دقيقة", "دقيقة واحدة", "دقيقتان", "11 دقيقة", "100 دقيقة"]),
    ],
)
def test_plurals_are_the_languages_own(language: str, words: list[str]) -> None:
    with translation.override(language):
        assert [length(minutes) for minutes in (0, 1, 2, 11, 100)] == words


def test_arabic_has_six_plurals() -> None:
    with translation.override("ar"):
        assert [length(days * 24 * 60) for days in (3, 10, 11, 99, 100)] == [
            "3 أيام", "10 أيام", "11 يومًا", "99 يومًا", "100 يوم",
        ]  # fmt: skip


def test_the_outlook_is_said_in_the_payers_language(client: Client, till: Any) -> None:
    invoice = till.open(BTC)
    till.pay(invoice)
    queues.look(Standings(2_500))
    assert "Die Gebühr ist niedrig: Das kann 2 bis 3 Stunden dauern" in _page(client, invoice, "?lang=de")
    assert "Bestätigungen: 0 von 2" in _page(client, invoice, "?lang=de")


def test_start_and_nowhere_are_spoken_too(client: Client, db: None) -> None:
    assert "Boutique" not in client.get("/").content.decode()
    assert "Administration" in client.get("/", headers={"accept-language": "fr"}).content.decode()
    answer = client.get("/pay/inv_unknown", headers={"accept-language": "ar"})
    assert "لا توجد فاتورة كهذه" in answer.content.decode()
