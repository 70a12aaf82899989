from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "cryptopay.payments"
    verbose_name = "Payments"

    def ready(self) -> None:
        from cryptopay import celery  # noqa: F401 - binds the shared tasks to our Celery app
        from cryptopay.payments import custody, events, viewing
        from ledger import checking, periods
        from monitor.viewing import provide

        periods.on_change(events.tell_of_period)
        checking.register(custody.HELD_IS_RECEIVED)
        provide(viewing.view_keys)
