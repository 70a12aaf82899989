"""`manage.py seed_demo`: what the demo needs in the database; safe to run at every start."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from cryptopay.devnet.demo.seeding import seed


class Command(BaseCommand):
    help = "Make the demo's merchants, people, keys and prices. For development only; running it again changes nothing."

    @transaction.atomic
    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("The demo's keys are worthless on purpose: it is for CRYPTOPAY_ENV=development alone.")
        seed(settings.STATE_DIR, settings.DEMO_SHOP_URL)
