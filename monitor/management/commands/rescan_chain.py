from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitor import backfill, nodes
from monitor.connectors.base import NodeError
from monitor.errors import ChainOff, RangeInvalid
from monitor.models import Backfill


class Command(BaseCommand):
    help = "Read a range of blocks again, for addresses imported late. What is known already stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chain")
        parser.add_argument("--from", type=int, dest="first", required=True, help="first height")
        parser.add_argument(
            "--to", type=int, dest="last", help="last height; as far as the chain was read, if not given"
        )
        parser.add_argument("--later", action="store_true", help="leave it to the reader, and return at once")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            chain = nodes.chain(options["chain"])
            row = backfill.request(chain, options["first"], options["last"], asked_for="rescan_chain")
            if options["later"]:
                self.stdout.write("It will be read beside the newest blocks; the back office shows how far it is.")
                return
            for read in backfill.work_through(chain, nodes.connector(chain), row):
                self._show(read)
        except (ChainOff, NodeError, RangeInvalid) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{row.found} deposits found that were not known.")

    def _show(self, row: Backfill) -> None:
        if row.finished_at is None and row.last_height is not None:
            done, of = row.next_height - row.first_height, row.last_height - row.first_height + 1
            self.stdout.write(f"{done:,} of {of:,} blocks")
