"""OFX 2.2: an account's statement as a bank would send it, in the book's own currency, for it knows no coins.

Each posting at what it was worth, with the coins in its memo; the balance is the sum of those. Debits raise an asset.
"""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree as ET

from django.db import connection, transaction

from ledger import spans
from ledger.balances import DEBIT_NORMAL
from ledger.currencies import money_of
from ledger.models import Account
from ledger.money import to_text
from reports import valued
from reports.parameters import ACCOUNT, FIRST, LAST
from reports.report import Sheet

_HEADER = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\r\n'
    b'<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>\r\n'
)
_LONGEST_NAME, _LONGEST_MEMO = 32, 255
_CHUNK = 2_000
_PIECE_BYTES = 1 << 16
_LINES = """
SELECT v.entry_id, v.leg, v.effective_at, e.description, v.debit - v.credit, v.value
FROM ledger_value v JOIN ledger_journalentry e ON e.book_id = v.book_id AND e.id = v.entry_id
WHERE v.book_id = %s AND v.account_id = %s AND v.effective_at >= %s AND v.effective_at < %s
ORDER BY v.effective_at, v.entry_id, v.leg
"""
_BALANCE = (
    "SELECT coalesce(sum(value), 0) FROM ledger_value WHERE book_id = %s AND account_id = %s AND effective_at < %s"
)


def pieces(sheet: Sheet) -> Iterator[bytes]:
    """Raises `EntriesUnpriced`."""
    valued.check_priced(sheet.asked, sheet.asked[LAST])
    account = sheet.asked[ACCOUNT]
    assert account is not None  # noqa: S101 - required, so it was read
    with tempfile.TemporaryFile() as file:
        file.write(_HEADER)
        for text in _document(sheet, account):
            file.write(text)
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _document(sheet: Sheet, account: Account) -> Iterator[bytes]:
    """Written piece by piece: the list of transactions is as long as it is."""
    asked = sheet.asked
    money = money_of(asked.book)
    sign = 1 if account.kind in DEBIT_NORMAL else -1
    first, end = spans.begin_of(asked[FIRST]), spans.end_of(asked[LAST])
    signed_on = {"STATUS": {"CODE": "0", "SEVERITY": "INFO"}, "DTSERVER": _moment(sheet.printed_at), "LANGUAGE": "ENG"}
    yield b"<OFX>" + _element("SIGNONMSGSRSV1", {"SONRS": signed_on})
    yield b"<BANKMSGSRSV1><STMTTRNRS><TRNUID>0</TRNUID>" + _element("STATUS", {"CODE": "0", "SEVERITY": "INFO"})
    yield b"<STMTRS>" + _element("CURDEF", asked.book.currency)
    yield _element("BANKACCTFROM", {"BANKID": "CRYPTOPAY", "ACCTID": str(account.pk), "ACCTTYPE": "CHECKING"})
    yield b"<BANKTRANLIST>" + _element("DTSTART", _moment(first)) + _element("DTEND", _moment(end))
    with transaction.atomic(), connection.chunked_cursor() as sql:
        sql.execute(_LINES, [asked.book.pk, account.pk, first, end])
        while found := sql.fetchmany(_CHUNK):
            for entry, leg, at, description, units, value in found:
                coins = f"{to_text(sign * int(units), account.asset.decimals)} {account.asset.code}"
                yield _line(f"{entry}-{leg}", at, description, coins, to_text(sign * int(value), money.decimals))
    with connection.cursor() as sql:
        sql.execute(_BALANCE, [asked.book.pk, account.pk, end])
        balance = to_text(sign * int(sql.fetchone()[0]), money.decimals)
    yield b"</BANKTRANLIST>" + _element("LEDGERBAL", {"BALAMT": balance, "DTASOF": _moment(end)})
    yield b"</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"


def _line(number: str, at: datetime, description: str, coins: str, amount: str) -> bytes:
    text = "".join(letter if letter.isprintable() else " " for letter in description).strip() or "Entry"
    return _element(
        "STMTTRN",
        {
            "TRNTYPE": "DEBIT" if amount.startswith("-") else "CREDIT",
            "DTPOSTED": _moment(at),
            "TRNAMT": amount,
            "FITID": number,
            "NAME": text[:_LONGEST_NAME],
            "MEMO": f"{coins}: {text}"[:_LONGEST_MEMO],
        },
    )


def _element(name: str, content: object) -> bytes:
    return ET.tostring(_tree(name, content), encoding="unicode").encode()


def _tree(name: str, content: object) -> ET.Element:
    element = ET.Element(name)
    if isinstance(content, dict):
        element.extend(_tree(inner, value) for inner, value in content.items())
    else:
        element.text = str(content)
    return element


def _moment(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}.000[0:GMT]"
