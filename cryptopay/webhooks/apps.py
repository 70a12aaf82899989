from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "cryptopay.webhooks"
    verbose_name = "Webhooks"
