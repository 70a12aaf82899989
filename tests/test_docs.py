"""What the docs promise is tried: every example of the integrator's page runs, every setting and event is named."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cryptopay.payments import events
from monitor.chains import CHAINS
from tests.database import urls_of_this_database
from tests.journeys.conftest import Shop, node_urls, receiver, shop

__all__ = ["node_urls", "receiver", "shop"]

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def examples(page: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found


@pytest.mark.django_db(transaction=True)
def test_the_integrators_examples_run(shop: Shop, tmp_path: Path) -> None:
    script = "set -euo pipefail\n" + "\n".join(examples("integrator.md", "bash"))
    key = shop.http.headers["Authorization"].removeprefix("Bearer ")
    server = str(shop.http.base_url).removesuffix("/api/v1/")
    environment = {**os.environ, "CRYPTOPAY": server, "KEY": key}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.django_db(transaction=True)
def test_the_receivers_example_verifies_a_real_webhook(shop: Shop) -> None:
    (source,) = examples("integrator.md", "python")
    names: dict[str, object] = {}
    exec(source, names)  # noqa: S102 - the page's own example
    opened = shop.http.post(
        "/invoices", json={"amount": "5", "currency": "EUR"}, headers={"Idempotency-Key": "docs"}
    ).json()
    shop.turn()
    (received,) = shop.receiver.wait_for(1)
    assert names["receive"](received.headers, received.body, shop.webhook_secret) == (  # type: ignore[operator]
        "invoice.created",
        opened["id"],
    )


@pytest.mark.django_db(transaction=True)
def test_the_clients_examples_run(shop: Shop, tmp_path: Path) -> None:
    """In a process that knows nothing of ours but the client's folder."""
    shutil.copytree(ROOT / "cryptopay" / "client", tmp_path / "cryptopay_client")
    program = tmp_path / "examples.py"
    program.write_text("\n".join(examples("client.md", "python")))
    key = shop.http.headers["Authorization"].removeprefix("Bearer ")
    server = str(shop.http.base_url).removesuffix("/api/v1/")
    environment = {"PATH": os.environ["PATH"], "CRYPTOPAY": server, "KEY": key}
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "invoice.created" in done.stdout
    assert "Account,Name,Asset," in done.stdout


@pytest.mark.django_db(transaction=True)
def test_the_clients_receiver_verifies_a_real_webhook(shop: Shop) -> None:
    (source,) = (text for text in examples("client.md", "python") if "def receive" in text)
    names: dict[str, object] = {}
    exec(source.replace("cryptopay_client", "cryptopay.client"), names)  # noqa: S102 - the page's own example
    opened = shop.http.post(
        "/invoices", json={"amount": "5", "currency": "EUR"}, headers={"Idempotency-Key": "docs"}
    ).json()
    shop.turn()
    (received,) = shop.receiver.wait_for(1)
    receive: Any = names["receive"]
    assert receive(received.headers, received.body, shop.webhook_secret) == ("invoice.created", opened["id"], 1)
    assert receive(received.headers, received.body + b" ", shop.webhook_secret) is None


@pytest.mark.django_db(transaction=True)
def test_the_developers_examples_run(shop: Shop) -> None:
    """Each command of the page, against this server, in the order of the page."""
    console = next(block for block in examples("integrator.md", "console") if "manage.py listen" in block)
    commands = re.findall(r"^\$ (.*)$", console, re.MULTILINE)
    assert [command.partition("manage.py ")[2].split()[0] for command in commands] == ["listen", "trigger", "listen"]
    key = shop.http.headers["Authorization"].removeprefix("Bearer ")
    server = str(shop.http.base_url).removesuffix("/api/v1/")
    environment = {**os.environ, **urls_of_this_database(), "CRYPTOPAY_LOGIN": "worker", "KEY": key}
    for hidden, said in {
        "https://pay.example": server,
        "--forward-to http://127.0.0.1:3000/hooks": f"--forward-to {shop.receiver.url} --after start --once",
        "--book 7": f"--book {shop.merchant.test_book.pk}",
        "--after evt_01jd...": f"--server {server} --after start",
        "python ": f"{sys.executable} ",
    }.items():
        assert any(hidden in command for command in commands), hidden
        commands = [command.replace(hidden, said) for command in commands]
    said = [
        subprocess.run(["bash", "-c", command], env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
        for command in (commands[1], commands[0], commands[2])
    ]
    opened, settled = said[0].stdout.splitlines()
    assert [line.split()[2] for line in said[1].stdout.splitlines()][-2:] == ["invoice.created", "invoice.settled"]
    assert {event["type"] for event in map(json.loads, said[2].stdout.splitlines())} == {"invoice.settled"}
    assert opened.split()[1] == settled.split()[1]
    secret = next(word for word in said[1].stderr.split() if word.startswith("whsec_"))
    assert shop.receiver.requests[-1].verified(secret)["example"] is True


def test_every_event_is_in_the_integrators_page() -> None:
    page = (DOCS / "integrator.md").read_text()
    told = {kind.type for kind in vars(events).values() if isinstance(getattr(kind, "type", None), str)}
    assert len(told) > 8
    for name in told:
        assert f"`{name}`" in page, name


def test_every_setting_is_in_the_operators_page() -> None:
    source = (ROOT / "cryptopay" / "settings.py").read_text()
    page = (DOCS / "operator.md").read_text()
    read = set(re.findall(r'(?:env\.\w+|_required)\(\s*"([A-Z_]+)"', source))
    assert len(read) > 8
    for name in read | {f"{chain.setting_name}_NODE_URL" for chain in CHAINS.values()}:
        assert f"`{name}`" in page, name


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
