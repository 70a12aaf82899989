from django.apps import AppConfig


class FeedsConfig(AppConfig):
    name = "cryptopay.feeds"
    verbose_name = "Price feeds"

    def ready(self) -> None:
        from cryptopay import celery  # noqa: F401 - binds the shared tasks to our Celery app
