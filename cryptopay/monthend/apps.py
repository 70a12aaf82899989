from django.apps import AppConfig


class MonthEndConfig(AppConfig):
    name = "cryptopay.monthend"
    verbose_name = "Accounting"

    def ready(self) -> None:
        from cryptopay.monthend import closing
        from ledger import periods

        periods.on_change(closing.look_again)
