"""What each chain's node said your addresses hold, against custody in the books; by address where they differ."""

from collections.abc import Iterator

from ledger import chart, spans
from ledger.models import Account, Asset
from monitor.reconciliations import AddressDifference, Reconciliation, newest
from reports.cells import Money, Name, Place, Row, Total, amounts, counts, moments, texts
from reports.parameters import UNTIL, Asked
from reports.report import Report


def rows(asked: Asked) -> Iterator[Row]:
    """By asset: addresses that differ, and then the asset's sum. The difference is the node less the books."""
    runs = newest([asked.book.pk])
    if (until := asked[UNTIL]) is not None:
        runs = runs.filter(asked_at__lt=spans.end_of(until))
    custody = dict(Account.objects.filter(book=asked.book, code__startswith=chart.CUSTODY).values_list("asset", "pk"))
    for run in runs.select_related("asset"):
        if run.difference:
            yield from _addresses(run)
        at = Place("explanation", custody[run.asset_id]) if run.asset_id in custody else None
        figures = run.node_base_units, run.custody_base_units, run.on_its_way_base_units
        yield Total(_line(run, "All addresses", *figures, at))


def _addresses(run: Reconciliation) -> Iterator[Row]:
    """They are kept where a difference is found first."""
    first = (
        Reconciliation.objects.filter(
            book=run.book_id, asset=run.asset_id, pk__lte=run.pk, difference=run.difference
        ).filter(addresses_that_differ__isnull=False)
    ).order_by("-pk")[:1]
    found = AddressDifference.objects.filter(book=run.book_id, reconciliation__in=first.values("pk")).order_by("pk")
    for row in found.iterator(2000):
        yield _line(run, Name(row.address, Place("address", row.address)), row.node_base_units, row.books_base_units, 0)


def _line(
    run: Reconciliation, where: str, node: int, books: int, on_its_way: int, explained: Place | None = None
) -> Row:
    asset: Asset = run.asset
    rest = (Money.of(each, asset) for each in (on_its_way, node - books - on_its_way))
    figures = Money.of(node, asset), Money.of(books, asset, explained), *rest
    return [asset.code, asset.chain, where, run.height, run.asked_at, *figures]


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
