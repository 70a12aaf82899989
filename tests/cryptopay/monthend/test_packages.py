"""Period packages: checked with other people's tools, which see it when one byte of any file is another."""

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from cryptopay.devnet.programs import HLEDGER, LEDGER
from cryptopay.monthend import closing, packages, signing
from cryptopay.monthend.models import Package
from ledger import periods, proposals, rates
from ledger.models import PeriodChange, Rate
from ledger.spreadsheet import FORMULA_STARTS
from tests.database import past_triggers

from .conftest import THROUGH, Desk

pytestmark = pytest.mark.django_db(transaction=True)

Verify = Callable[..., tuple[int, str]]
FILES = {
    *("journal.hledger", "journal.ledger", "journal.beancount", "trial-balance.csv", "rates.csv", "chain.txt"),
    *("verifying.py", "verify.sh", "README.txt", "public-key.pem", "manifest.json", "manifest.json.sig"),
}


@pytest.fixture
def package(desk: Desk) -> Package:
    """January's."""
    rate = Rate.objects.get(book=desk.book)
    desk.received(5, datetime(2026, 2, 3, tzinfo=UTC), description='Newline"\n{"file": "x"}', rate_id=rate.pk)
    _reconcile_all(desk)
    asked = closing.ask(desk.book, THROUGH, reason='Over\n{"file": "x"}', by="Ann", looked=True)
    proposals.approve(asked, by="Ben")
    packages.make_all()
    return Package.objects.get()


def _reconcile_all(desk: Desk) -> None:
    held = 3 * 10**8 + 5
    desk.reconciled(held, held)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """hledger and ledger-cli by their plain names, as on an auditor's PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, command in (("hledger", HLEDGER.command()), ("ledger", LEDGER.command())):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        script.chmod(0o755)
    return folder


@pytest.fixture
def verify(tools: Path) -> Verify:
    def run(folder: Path, *arguments: str, path: str = "") -> tuple[int, str]:
        everything = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["/bin/sh", str(folder / "verify.sh"), *arguments],
            capture_output=True,
            text=True,
            env={"PATH": path or everything},
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def unpacked(package: Package, to: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(b"".join(packages.content(package)))) as archive:
        archive.extractall(to)
    return to


def test_all_of_it_is_checked_with_other_peoples_tools(package: Package, verify: Verify, tmp_path: Path) -> None:
    folder = unpacked(package, tmp_path / "package")
    assert {file.name for file in folder.iterdir()} == FILES
    status, said = verify(folder)
    assert status == 0, said
    assert said.count("ok  ") == 8
    assert "NOT RUN" not in said
    assert signing.fingerprint() in said
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["through"], manifest["asked_by"], manifest["approved_by"]) == ("2026-01-31", "Ann", "Ben")
    assert {file["file"] for file in manifest["files"]} == FILES - {"manifest.json", "manifest.json.sig"}
    assert "3.00000000" in (folder / "trial-balance.csv").read_text()
    assert "300000005" not in (folder / "trial-balance.csv").read_text()


def test_one_byte_changed_in_any_file_is_seen(package: Package, verify: Verify, tmp_path: Path, tools: Path) -> None:
    """With openssl and sha256sum alone: what other programs would say besides is tried above."""
    folder = unpacked(package, tmp_path / "package")
    basics = "/usr/bin:/bin"
    trusted = tmp_path / "fetched.pem"
    trusted.write_text(signing.public_pem())
    assert verify(folder, str(trusted), path=basics)[0] == 0
    for name in sorted(FILES):
        file = folder / name
        content = file.read_bytes()
        place = len(content) // 2 if name != "verify.sh" else content.index(b"# Exit status") + 2
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        status, said = verify(folder, str(trusted), path=basics)
        assert status == 1, (name, said)
        file.write_bytes(content)
    (folder / "more.txt").write_text("slipped in")
    assert verify(folder, str(trusted), path=basics)[0] == 1


def test_the_accountants_page_tells_an_auditor_what_to_type(
    package: Package, tools: Path, live_server: LiveServer, tmp_path: Path
) -> None:
    """In an empty folder with the zip and nothing of ours; the fetched key lies beside the files."""
    page = (settings.BASE_DIR / "docs" / "accountant.md").read_text()
    (script,) = re.findall(r"^```\n(unzip .*?)^```", page, re.MULTILINE | re.DOTALL)
    (zipped,) = re.findall(r"unzip (\S+)", script)
    (tmp_path / zipped).write_bytes(b"".join(packages.content(package)))
    done = subprocess.run(
        ["/bin/sh", "-ec", script.replace("https://your-host", live_server.url)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"},
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "All that could be run agrees."
    assert "NOT RUN" not in done.stdout


def test_no_cell_of_its_tables_is_a_formula(desk: Desk) -> None:
    with past_triggers(), connection.cursor() as sql:
        sql.execute("UPDATE ledger_account SET name = '=1+1' WHERE book_id = %s", [desk.book.pk])
        sql.execute("UPDATE ledger_rate SET source = '@x' WHERE book_id = %s", [desk.book.pk])
    proposals.approve(closing.ask(desk.book, THROUGH, reason="Over", by="Ann", looked=True), by="Ben")
    packages.make_all()
    with zipfile.ZipFile(io.BytesIO(b"".join(packages.content(Package.objects.get())))) as archive:
        for name, hostile in (("trial-balance.csv", "=1+1"), ("rates.csv", "@x")):
            cells = [cell for row in csv.reader(archive.read(name).decode().splitlines()) for cell in row]
            assert any(hostile in cell for cell in cells), cells
            assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS) and not _is_number(cell)]


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?[0-9.]+", text))


def test_another_key_has_not_signed_it_and_missing_tools_are_named(
    package: Package, verify: Verify, tmp_path: Path
) -> None:
    folder = unpacked(package, tmp_path / "package")
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{other}.key"], check=True)
    subprocess.run(["openssl", "pkey", "-in", f"{other}.key", "-pubout", "-out", str(other)], check=True)
    status, said = verify(folder, str(other))
    assert status == 1
    assert "WRONG    signature" in said
    few = tmp_path / "few"
    few.mkdir()
    for name in ("sed", "grep", "tail"):
        (few / name).symlink_to(f"/usr/bin/{name}" if Path(f"/usr/bin/{name}").exists() else f"/bin/{name}")
    status, said = verify(folder, path=str(few))
    assert status == 2
    assert {line.split(": ")[1] for line in said.splitlines() if line.startswith("NOT RUN")} == {
        f"{tool} is not installed"
        for tool in ("openssl", "sha256sum", "hledger", "ledger (ledger-cli)", "bean-check (beancount)", "python3")
    }


def test_made_once_and_in_parts(package: Package, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    change = PeriodChange.objects.get()
    assert packages.make(change) == package
    packages.make_all()
    assert Package.objects.count() == 1
    monkeypatch.setattr(packages, "PART_BYTES", 1000)
    later = THROUGH + timedelta(days=28)
    _finish_february(desk)
    proposals.approve(closing.ask(desk.book, later, reason="Over", by="Ann", looked=True), by="Ben")
    packages.make_all()
    second = Package.objects.latest("pk")
    assert second.parts.count() > 5
    assert len(b"".join(packages.content(second))) == second.size
    assert json.loads(second.manifest)["from"] == "2026-02-01"


def _finish_february(desk: Desk) -> None:
    at = datetime(2026, 2, 28, 23, tzinfo=UTC)
    rates.record("BTC", "EUR", Decimal(61_000), "test", at, desk.book.pk)


def test_nothing_is_made_of_a_period_that_was_opened_again(desk: Desk) -> None:
    proposals.approve(closing.ask(desk.book, THROUGH, reason="Over", by="Ann", looked=True), by="Ben")
    proposals.approve(periods.ask_to_reopen(desk.book, None, reason="A receipt", by="Ann"), by="Ben")
    packages.make_all()
    assert not Package.objects.exists()


def test_people_and_everybody_fetch_what_they_may(package: Package, desk: Desk) -> None:
    auditor, stranger = Client(), Client()
    auditor.force_login(desk.members["auditor"])
    fetched = auditor.get(reverse("admin:ledger_periodchange_package", args=[package.change_id]))
    assert b"".join(fetched.streaming_content) == b"".join(packages.content(package))  # type: ignore[attr-defined]
    assert f'filename="books-{desk.book.pk}-through-2026-01-31.zip"' in fetched.headers["Content-Disposition"]
    page = auditor.get(reverse("admin:ledger_periodchange_change", args=[package.change_id])).content.decode()
    assert package.sha256 in page
    assert stranger.get(reverse("period_key")).content.decode() == signing.public_pem()
    assert stranger.get(reverse("admin:ledger_periodchange_package", args=[package.change_id])).status_code == 302
