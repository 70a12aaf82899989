from django.apps import AppConfig


class CheckoutConfig(AppConfig):
    name = "cryptopay.checkout"
    verbose_name = "Checkout"
