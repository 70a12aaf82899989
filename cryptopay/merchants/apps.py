from django.apps import AppConfig


class MerchantsConfig(AppConfig):
    name = "cryptopay.merchants"
    verbose_name = "People"
