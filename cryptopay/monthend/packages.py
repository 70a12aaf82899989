"""Period packages: what an auditor is given, and can check without us. Made once a closing, after it is sealed.

    make_all()      every closing that has none yet; a sweep, run by the beat
    make(change)    one
    content(row)    its bytes, in pieces

All files are of one moment: a snapshot in which every entry of the period is in the chain of hashes.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from cryptopay.monthend import signing
from cryptopay.monthend.errors import NotSealedYet
from cryptopay.monthend.models import Package, PackagePart
from ledger import balances, lots, periods, sealing, spans, tenancy, verifying
from ledger.models import Block, Book, JournalEntry, PeriodChange, Rate
from ledger.money import plain, to_text
from ledger.spreadsheet import csv_lines, harmless
from reports.plaintext import journal
from reports.plaintext.formats import FORMATS

log = structlog.get_logger(__name__)

PART_BYTES = 1024 * 1024
_OWN = Path(__file__).parent
_FORMAT = 1
_LOCK = 7268
_NOT_SEALED = """
    SELECT EXISTS (
        SELECT FROM ledger_journalentry e WHERE e.book_id = %s AND e.effective_at < %s AND e.xid >= coalesce((
            SELECT k.upto_xid FROM ledger_block k WHERE k.book_id = e.book_id AND k.node = e.node
            ORDER BY k.from_xid DESC LIMIT 1
        ), '0')
    )
"""


@dataclass(frozen=True, slots=True)
class File:
    """One of the package, as the manifest names it."""

    name: str
    size: int
    sha256: str

    @property
    def line(self) -> str:
        """In one fixed form, which verify.sh reads."""
        return json.dumps({"file": self.name, "size": self.size, "sha256": self.sha256})


def make_all() -> None:
    """What is not sealed yet is made the next time."""
    lacking = PeriodChange.objects.filter(
        ~Exists(Package.objects.filter(change=OuterRef("pk"))), closed_through__isnull=False, review__isnull=False
    )
    for change in lacking.select_related("book", "review").order_by("pk"):
        try:
            make(change)
        except NotSealedYet as waits:
            log.info("package.waits", book=change.book_id, period=change.pk, why=str(waits))
        except Exception:
            log.exception("package.failed", book=change.book_id, period=change.pk)


def make(change: PeriodChange) -> Package | None:
    """The package of that closing; None if the books were opened again meanwhile. Made twice, it is the same one.

    Raises `NotSealedYet`.
    """
    lots.derive(change.book)
    sealing.seal(change.book_id)
    with transaction.atomic(), TemporaryFile() as file:
        with connection.cursor() as sql:
            if not connection.savepoint_ids:
                sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            sql.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, change.book_id])
        if known := Package.objects.filter(change=change).first():
            return known
        if not _stands(change):
            return None
        _check_sealed(change)
        manifest = _write(file, change)
        return _keep(file, change, manifest)


def content(package: Package) -> Iterator[bytes]:
    """Each part in a transaction of its own that sees this book: an answer is sent when its request's is over."""
    number = 0
    while True:
        with tenancy.book(package.book_id):
            found = PackagePart.objects.filter(book=package.book_id, package=package, number=number)
            part = found.values_list("content", flat=True).first()
        if part is None:
            return
        yield bytes(part)
        number += 1


def file_name(package: Package) -> str:
    """For a download."""
    return f"books-{package.book_id}-through-{package.through}.zip"


def _stands(change: PeriodChange) -> bool:
    now = periods.closed_through(change.book_id)
    return now is not None and change.closed_through is not None and now >= change.closed_through


def _check_sealed(change: PeriodChange) -> None:
    assert change.closed_through is not None  # noqa: S101 - it closes
    with connection.cursor() as sql:
        sql.execute(_NOT_SEALED, [change.book_id, spans.end_of(change.closed_through)])
        if sql.fetchone()[0]:
            raise NotSealedYet("a transaction is still open: entries of the period are not sealed yet")


def _write(file: IO[bytes], change: PeriodChange) -> str:
    """The zip; the manifest as it was signed."""
    assert change.closed_through is not None  # noqa: S101 - it closes
    stamp = change.closed_through.timetuple()[:6]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        files = [_add(archive, stamp, name, lines) for name, lines in _files(change)]
        manifest = _manifest(change, files)
        _add(archive, stamp, "manifest.json", [manifest.encode()])
        _add(archive, stamp, "manifest.json.sig", [signing.sign(manifest.encode())])
    return manifest


def _files(change: PeriodChange) -> Iterator[tuple[str, Iterable[bytes]]]:
    book, through = change.book, change.closed_through
    assert through is not None  # noqa: S101 - it closes
    for name, lines in FORMATS.items():
        with journal.read(book, through) as export:
            yield f"journal.{name}", (f"{line}\n".encode() for line in lines(export))
    yield "trial-balance.csv", _encoded(_trial_balance(book, through))
    yield "rates.csv", _encoded(_rates(book, through))
    yield "chain.txt", (f"{line}\n".encode() for line in sealing.export(book.pk))
    yield "verifying.py", [Path(verifying.__file__).read_bytes()]
    yield "verify.sh", [(_OWN / "verify.sh").read_bytes()]
    yield "README.txt", [(_OWN / "README.txt").read_bytes()]
    yield "public-key.pem", [signing.public_pem().encode()]


def _add(archive: zipfile.ZipFile, stamp: tuple[int, ...], name: str, pieces: Iterable[bytes]) -> File:
    digest, size = hashlib.sha256(), 0
    about = zipfile.ZipInfo(name, date_time=(stamp[0], stamp[1], stamp[2], 0, 0, 0))
    about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    with archive.open(about, "w", force_zip64=True) as written:
        for piece in pieces:
            written.write(piece)
            digest.update(piece)
            size += len(piece)
    return File(name, size, digest.hexdigest())


def _manifest(change: PeriodChange, files: Iterable[File]) -> str:
    block = Block.objects.filter(book=change.book_id).order_by("-number").first()
    before = PeriodChange.objects.filter(book=change.book_id, pk__lt=change.pk).order_by("-pk").first()
    opened = before.closed_through + timedelta(days=1) if before and before.closed_through else None
    about = {
        "format": _FORMAT,
        "book": str(change.book),
        "book_number": change.book_id,
        "currency": change.book.currency,
        "from": opened.isoformat() if opened else None,
        "through": change.closed_through.isoformat() if change.closed_through else None,
        "closed_at": change.recorded_at.astimezone(UTC).isoformat(),
        "asked_by": change.asked_by,
        "approved_by": change.approved_by,
        "reason": change.reason,
        "review": change.review.findings if change.review else None,
        "reviewed_by": change.review.looked_by if change.review else None,
        "chain": {"blocks": block.number, "head": bytes(block.hash).hex()} if block else None,
        "key": signing.fingerprint(),
    }
    lines = ",\n".join(file.line for file in files)
    return f'{json.dumps(about, ensure_ascii=False)[:-1]},\n"files": [\n{lines}\n]}}\n'


def _keep(file: IO[bytes], change: PeriodChange, manifest: str) -> Package:
    assert change.closed_through is not None  # noqa: S101 - it closes
    size = file.seek(0, 2)
    file.seek(0)
    package = Package.objects.create(
        book_id=change.book_id,
        change=change,
        through=change.closed_through,
        size=size,
        sha256=hashlib.file_digest(file, "sha256").hexdigest(),  # type: ignore[arg-type]  # it is a file of bytes
        public_key=signing.public_key().hex(),
        manifest=manifest,
    )
    file.seek(0)
    for number, part in enumerate(iter(lambda: file.read(PART_BYTES), b"")):
        PackagePart.objects.create(book_id=change.book_id, package=package, number=number, content=part)
    return package


def _trial_balance(book: Book, through: date) -> Iterator[str]:
    columns = ["account", "name", "asset", "chain", "contract", "debit", "credit", "balance", "balance_base_units"]
    rows = (
        [
            *(harmless(row.account.code), harmless(row.account.name), row.account.asset.code),
            *(row.account.asset.chain, row.account.asset.contract),
            *(to_text(units, row.account.asset.decimals) for units in (row.debit, row.credit, row.balance)),
            str(row.balance),
        ]
        for row in balances.trial_balance(book.pk, through)
    )
    return csv_lines(columns, rows)


def _rates(book: Book, through: date) -> Iterator[str]:
    """Each once, in order of time."""
    used = JournalEntry.objects.filter(book=book, effective_at__lt=spans.end_of(through), rate__isnull=False)
    found = Rate.objects.filter(pk__in=used.values("rate")).order_by("observed_at", "pk")
    columns = ["asset", "currency", "price", "source", "observed_at", "by", "reason"]
    rows = (
        [
            *(rate.asset_code, rate.currency, plain(rate.price), harmless(rate.source)),
            *(rate.observed_at.astimezone(UTC).isoformat(), harmless(rate.by), harmless(rate.reason)),
        ]
        for rate in found.iterator(2000)
    )
    return csv_lines(columns, rows)


def _encoded(lines: Iterable[str]) -> Iterator[bytes]:
    return (line.encode() for line in lines)
