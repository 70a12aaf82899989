"""European Central Bank: data.ecb.europa.eu/help/api/data, dataflow EXR. What a euro is in other currencies.

Published about 16:00 CET on working days, found at 14:15; for information, and so never the only price of a coin.
Currencies that are no more keep their last day, which is too old to count.
"""

import csv
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time

from cryptopay.feeds.errors import SourceError
from cryptopay.feeds.source import EURO, Ask, Told
from ledger.pairs import Pair

URL = "https://data-api.ecb.europa.eu/service/data/EXR/D..EUR.SP00.A"
_FOUND_AT = time(12, 15, tzinfo=UTC)
"""14:15 in Frankfurt in summer; an hour earlier than it is in winter."""
_COLUMNS = {"CURRENCY", "TIME_PERIOD", "OBS_VALUE"}


class EuropeanCentralBank:
    name, title = "ecb", "European Central Bank"
    least_seconds, fresh_seconds = 3600, 6 * 86_400
    """From the Thursday before Easter to the Tuesday after it."""

    def tell(self, pairs: Collection[Pair], ask: Ask) -> Iterator[Told]:
        asked = {"lastNObservations": "1", "format": "csvdata", "detail": "dataonly"}
        wanted = {pair.currency for pair in pairs if pair.asset_code == EURO}
        if not wanted:
            return
        for row in _rows(ask(URL, asked).body):
            if row["CURRENCY"] in wanted:
                value = row["OBS_VALUE"]
                yield Told(Pair(EURO, row["CURRENCY"]), value, value, _moment(row["TIME_PERIOD"]))


def _rows(body: bytes) -> Iterator[dict[str, str]]:
    try:
        reader = csv.DictReader(body.decode("utf-8-sig").splitlines(), strict=True)
        if not set(reader.fieldnames or ()) >= _COLUMNS:
            raise SourceError("the answer is not the expected table")
        for row in reader:
            yield {name: row[name] or "" for name in _COLUMNS}
    except (csv.Error, UnicodeDecodeError) as error:
        raise SourceError(f"the answer cannot be read: {error}") from error


def _moment(day: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), _FOUND_AT)
    except ValueError:
        raise SourceError(f"{day[:30]!r} is no day") from None
