from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Accounting"

    def ready(self) -> None:
        from ledger import checks, roles  # noqa: F401 - checks register themselves

        pre_migrate.connect(roles.make_logins, sender=self)
        post_migrate.connect(roles.put_right, sender=self)
