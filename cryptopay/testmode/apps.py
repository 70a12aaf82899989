from django.apps import AppConfig


class TestModeConfig(AppConfig):
    name = "cryptopay.testmode"
    label = "testmode"
    verbose_name = "Test mode"
