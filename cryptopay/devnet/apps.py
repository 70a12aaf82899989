from django.apps import AppConfig


class DevnetConfig(AppConfig):
    """Installed in development alone, for the demo's command and task. It owns no table."""

    name = "cryptopay.devnet"
    verbose_name = "Local stage"
