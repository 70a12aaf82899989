"""The handbook is read in the back office, and every page there leads to the chapter that speaks of it."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from cryptopay.backoffice import handbook
from cryptopay.merchants.models import User

SignIn = Callable[[User], Client]


def _page(name: str) -> str:
    return reverse("admin:handbook", args=[name])


def test_every_page_renders_and_every_link_and_picture_in_it_is_there(root: User, signed_in: SignIn) -> None:
    client = signed_in(root)
    followed = set()
    for name in handbook.PAGES:
        answer = client.get(_page(name))
        assert answer.status_code == 200, name
        html = handbook.rendered(name).html
        assert str(html) in answer.content.decode()
        for link in re.findall(r'(?:href|src)="(/[^"]*)"', html):
            path, _, section = link.partition("#")
            assert client.get(path).status_code == 200, f"{name} {link}"
            if section:
                there = handbook.rendered(path.rstrip("/").rpartition("/")[2]).html
                assert f'id="{section}"' in there, f"{name} {link}"
            followed.add(path)
        for section in re.findall(r'href="#([^"]*)"', html):
            assert f'id="{section}"' in html, f"{name} #{section}"
    assert reverse("admin:handbook_picture", args=["explanation"]) in followed
    assert _page("valuation") in followed
    for nowhere in ("operator", "nothing", "architecture"):
        assert client.get(_page(nowhere)).status_code == 404
    assert client.get(reverse("admin:handbook_picture", args=["nothing"])).status_code == 404


@pytest.mark.parametrize("begin", handbook.CHAPTERS)
def test_each_chapter_that_a_page_leads_to_exists(begin: str) -> None:
    name, _, section = handbook.CHAPTERS[begin].partition("#")
    assert name in handbook.PAGES
    assert not section or f'id="{section}"' in handbook.rendered(name).html


def test_pages_lead_to_their_chapter(root: User, signed_in: SignIn) -> None:
    client = signed_in(root)
    for name, chapter in {
        "ledger_journalentry_changelist": "accountant/#journal-and-ledger",
        "ledger_account_tree": "accountant/#accounts",
        "reports": "accountant/#reports",
        "exports": "accountant/#reports",
        "merchants_membership_changelist": "merchant/#your-team",
        "index": "accountant/",
    }.items():
        page = client.get(reverse(f"admin:{name}")).content.decode()
        assert f'href="/admin/handbook/{chapter}" aria-label="Help for this page"' in page, name


def test_markup_in_a_page_is_shown_as_text() -> None:
    assert "<script" not in "".join(handbook.rendered(name).html for name in handbook.PAGES)
