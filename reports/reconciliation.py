"""What each chain's node said your addresses hold, against custody in the books; by address where they differ."""

from collections.abc import Iterator

from ledger import spans
from ledger.models import Asset
from monitor.reconciliations import AddressDifference, Reconciliation, newest
from reports.cells import Money, Row, Total, amounts, counts, moments, texts
from reports.parameters import UNTIL, Asked
from reports.report import Report


def rows(asked: Asked) -> Iterator[Row]:
    """By asset: addresses that differ, and then the asset's sum. The difference is the node less the books."""
    runs = newest([asked.book.pk])
    if (until := asked[UNTIL]) is not None:
        runs = runs.filter(asked_at__lt=spans.end_of(until))
    for run in runs.select_related("asset"):
        if run.difference:
            yield from _addresses(run)
        yield Total(_line(run, "All addresses", run.node_base_units, run.custody_base_units, run.on_its_way_base_units))


def _addresses(run: Reconciliation) -> Iterator[Row]:
    """They are kept where a difference is found first."""
    first = (
        Reconciliation.objects.filter(
            book=run.book_id, asset=run.asset_id, pk__lte=run.pk, difference=run.difference
        ).filter(addresses_that_differ__isnull=False)
    ).order_by("-pk")[:1]
    found = AddressDifference.objects.filter(book=run.book_id, reconciliation__in=first.values("pk")).order_by("pk")
    for row in found.iterator(2000):
        yield _line(run, row.address, row.node_base_units, row.books_base_units, 0)


def _line(run: Reconciliation, where: str, node: int, books: int, on_its_way: int) -> Row:
    asset: Asset = run.asset
    figures = (node, books, on_its_way, node - books - on_its_way)
    return [asset.code, asset.chain, where, run.height, run.asked_at, *(Money.of(each, asset) for each in figures)]


REPORT = Report(
    "reconciliation",
    "Reconciliation",
    "The books",
    __doc__ or "",
    [
        *(texts("Asset"), texts("Chain"), texts("Address"), counts("Block"), moments("Asked")),
        *(amounts("Node"), amounts("Books"), amounts("On its way"), amounts("Difference")),
    ],
    [UNTIL],
    rows,
)
