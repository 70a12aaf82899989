from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitor import follower
from monitor.errors import ChainOn


class Command(BaseCommand):
    help = "Say that a chain without a node will not be read again: nothing waits for it any longer."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chain")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            retired = follower.retire(options["chain"])
        except ChainOn as error:
            raise CommandError(str(error)) from error
        if not retired:
            raise CommandError(f"{options['chain']} was never read here, or is retired already.")
        self.stdout.write(
            f"{options['chain']} is retired. Its addresses stay known: with a node set again it is read on from where "
            "it was, and what was paid meanwhile is found."
        )
