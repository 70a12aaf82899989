from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "cryptopay.api"
    verbose_name = "API"
