from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitor import follower, nodes
from monitor.connectors.base import NodeError
from monitor.errors import ChainOff


class Command(BaseCommand):
    help = "Read a range of blocks again, for addresses imported late. What is known already stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chain")
        parser.add_argument("--from", type=int, dest="first", required=True, help="first height")
        parser.add_argument("--to", type=int, dest="last", required=True, help="last height")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            chain = nodes.chain(options["chain"])
            found = follower.rescan(chain, nodes.connector(chain), options["first"], options["last"])
        except (ChainOff, NodeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{found} deposits found that were not known.")
