"""How a cell reads where it is text: in CSV, on paper, in a program."""

from datetime import UTC, datetime

from reports.cells import Cell


def plain_text(cell: Cell) -> str:
    """Exact, and the same everywhere: days and moments as in ISO 8601 (moments in UTC), amounts with all decimals."""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    return "" if cell is None else str(cell)
