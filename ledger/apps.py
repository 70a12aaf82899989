from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Accounting"

    def ready(self) -> None:
        from ledger import checks, moments, roles  # noqa: F401 - checks register themselves

        connection_created.connect(moments.read_quickly)
        pre_migrate.connect(roles.make_logins, sender=self)
        post_migrate.connect(roles.put_right, sender=self)
