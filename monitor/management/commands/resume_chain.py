from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitor import follower, nodes
from monitor.errors import ChainOff


class Command(BaseCommand):
    help = "Read a halted chain on, after a person has looked at why it was halted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chain")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            follower.resume(nodes.chain(options["chain"]))
        except ChainOff as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['chain']} is read on.")
