from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class BackofficeConfig(AppConfig):
    name = "cryptopay.backoffice"
    verbose_name = "Back office"

    def ready(self) -> None:
        from cryptopay.backoffice import awaited, worths
        from cryptopay.backoffice.evidence import tell
        from ledger import evidence, waiting

        evidence.register(tell)
        evidence.register(worths.tell)
        waiting.register(awaited.tell)


class BackofficeAdminConfig(AdminConfig):
    """Django's admin with our site as the default one, so that each room registers on plain `admin.site`."""

    default_site = "cryptopay.backoffice.site.BackofficeSite"
