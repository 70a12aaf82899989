"""`manage.py describe_events > docs/events.md`: the page of all events, from the types of what they carry."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from cryptopay.payments import event_schemas


class Command(BaseCommand):
    help = "Print the page of all webhook events, or the JSON schema of one."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--schema", choices=event_schemas.EVENTS, metavar="EVENT", help="such as invoice.settled")

    def handle(self, *args: Any, schema: str | None, **options: Any) -> None:
        if schema is None:
            self.stdout.write(event_schemas.page(), ending="")
        else:
            self.stdout.write(json.dumps(event_schemas.alone(schema), indent=2))
