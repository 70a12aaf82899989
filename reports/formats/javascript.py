"""JSON: what was asked, the columns, the rows as objects, and apart from them the totals."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from reports.cells import Cell, Money, Row, Total
from reports.formats.gathering import gathered
from reports.report import Sheet


def pieces(sheet: Sheet) -> Iterator[bytes]:
    return gathered(_texts(sheet))


def _texts(sheet: Sheet) -> Iterator[str]:
    report, asked = sheet.report, sheet.asked
    keys = [column.key for column in report.columns]
    parameters = {parameter.name: asked.texts.get(parameter.name) for parameter in report.parameters}
    head = {"name": report.name, "title": report.title, "parameters": parameters, "columns": keys}
    yield json.dumps(head)[:-1] + ', "data": ['
    totals: list[dict[str, Any]] = []
    begun = False
    for row in sheet.rows():
        if isinstance(row, Total):
            totals.append(_object(keys, row))
            continue
        yield ("," if begun else "") + json.dumps(_object(keys, row))
        begun = True
    yield f'], "totals": {json.dumps(totals)}}}'


def _object(keys: list[str], row: Row) -> dict[str, Any]:
    return {key: value(cell) for key, cell in zip(keys, row, strict=True)}


def value(cell: Cell) -> Any:
    """Amounts are {amount, base_units, asset}, all texts: a JSON number would pass through a float somewhere."""
    if isinstance(cell, Money):
        return {"amount": str(cell), "base_units": str(cell.base_units), "asset": cell.asset}
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return cell if cell is None or isinstance(cell, str | int) else cell.isoformat()
