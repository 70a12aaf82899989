from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "cryptopay.payments"
    verbose_name = "Payments"
