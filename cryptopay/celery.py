"""The doorbells' schedule. Celery carries ids; PostgreSQL holds the truth, so a flushed broker loses nothing.

Each chain is polled at its own interval; when a step has run, its events are taken in. A message that waited longer
than its interval expires: the next one does the same work.

What talks to nodes and to price sources has a queue and a process of its own, the reader, with a thread for whatever
may wait there: a node that hangs then holds up its own chain and nothing else, a source its own prices.
"""

import gc
import os
from typing import Any

from celery import Celery, signature
from celery.signals import worker_init, worker_process_init
from django.conf import settings

from monitor.chains import CHAINS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptopay.settings")

app = Celery("cryptopay")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    # No retries: a doorbell that cannot ring must not hold up the commit it rings for; the sweep finds the work.
    broker_transport_options={"socket_connect_timeout": 3, "socket_timeout": 10, "max_retries": 0, "interval_start": 0},
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=300,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    task_routes={task: {"queue": "chains"} for task in ("monitor.*", "feeds.ask", "monthend.reconcile")},
    timezone="UTC",
)
app.autodiscover_tasks()


@worker_init.connect
@worker_process_init.connect
def collect_seldom(**_: Any) -> None:
    """A block's commit makes tens of thousands of rows that live until it is written: to look for cycles among them
    every 700 costs a tenth of its time."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


def _entry(task: str, every_seconds: float, *args: str, then: Any = None) -> dict[str, Any]:
    options: dict[str, Any] = {"expires": max(every_seconds, 1)}
    if then is not None:
        options["link"] = then
    return {"task": task, "schedule": every_seconds, "args": args, "options": options}


def _schedule() -> dict[str, dict[str, Any]]:
    steps = {
        f"read {code}": _entry(
            "monitor.step",
            CHAINS[code].poll_seconds,
            code,
            then=signature("payments.drain", args=(code,), immutable=True, app=app),
        )
        for code in settings.NODE_URLS
    }
    looks = {
        f"look out on {code}": _entry("monitor.look_out", CHAINS[code].poll_seconds, code)
        for code in settings.NODE_URLS
    }
    again = {f"read {code} again": _entry("monitor.read_again", 2, code) for code in settings.NODE_URLS}
    asks = {f"ask {name} for prices": _entry("feeds.ask", 15, name) for name in settings.RATE_SOURCES}
    medians = {"agree on rates": _entry("feeds.agree", settings.RATE_FETCH_SECONDS)} if asks else {}
    reconciles = {
        f"reconcile {code}": _entry("monthend.reconcile", settings.RECONCILE_SECONDS, code)
        for code in settings.NODE_URLS
    }
    return {
        **steps,
        **looks,
        **reconciles,
        **again,
        **asks,
        **medians,
        "seal the journal": _entry("ledger.seal", 60),
        "count what coins cost": _entry("ledger.value", 60),
        "make period packages": _entry("monthend.make_packages", 60),
        "expire invoices": _entry("payments.sweep", 5),
        "take in what is left": _entry("payments.drain_switched_off", 60),
        "deliver webhooks": _entry("webhooks.deliver_due", 5),
        "tell owners of endpoints switched off": _entry("webhooks.tell_owners", 60),
        "make exports": _entry("reports.make_exports", 3),
        "purge exports": _entry("reports.purge_exports", 3600),
        "purge idempotency keys": _entry("api.purge_idempotency_keys", 3600),
        **({"refresh demo prices": _entry("devnet.record_demo_prices", 300)} if settings.DEMO_SHOP_URL else {}),
    }


app.conf.beat_schedule = _schedule()
