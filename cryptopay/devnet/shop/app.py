"""The shop as a WSGI application."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.template import Context, Engine
from standardwebhooks import Webhook, WebhookVerificationError

from cryptopay.devnet import places
from cryptopay.devnet.shop import config
from cryptopay.devnet.shop.gateway import Gateway, Refused
from cryptopay.devnet.shop.orders import Order, Orders
from cryptopay.devnet.shop.payer import Payer, Share
from monitor.connectors.base import NodeError
from monitor.connectors.jsonrpc import RpcRefused

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Choice = TypeVar("Choice")

GOODS = {
    "espresso": ("Espresso", "2.80"),
    "beans": ("A bag of beans", "14.50"),
    "machine": ("Coffee machine", "349.00"),
}
LARGEST_BODY = 1_000_000
OUR_HOSTS = ("127.0.0.1", "localhost")
_STYLE = (places.CHECKOUT / "cryptopay/devnet/shop/shop.css").read_bytes()


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back to the browser."""

    body: bytes = b""
    status: HTTPStatus = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)


class Shop:
    """Shows goods, opens invoices, hears webhooks; and lets its visitor play the customer's wallet."""

    def __init__(self, about: config.Config) -> None:
        self.about = about
        self.orders = Orders(about.orders)
        self.gateway = Gateway(about.cryptopay_url, about.api_key)
        self.payer = Payer(self.gateway, about.node_urls)
        self.verifier = Webhook(about.webhook_secret)
        self.pages = Engine(dirs=[str(places.CHECKOUT / "templates" / "shop")])
        if not settings.configured:  # the template language asks it about languages
            settings.configure(USE_I18N=False)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        reply = self._answer(environ)
        headers = {"Content-Type": "text/html; charset=utf-8", **self._guards(), **reply.headers}
        start_response(f"{reply.status.value} {reply.status.phrase}", list(headers.items()))
        return [reply.body]

    def close(self) -> None:
        """Ends what runs in the background and all connections."""
        self.payer.close()
        self.gateway.close()

    def _answer(self, environ: "WSGIEnvironment") -> Reply:
        verb, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        if urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname not in OUR_HOSTS:
            return self._sorry("This shop is for this machine alone.", HTTPStatus.MISDIRECTED_REQUEST)
        for allowed, pattern, view in ROUTES:
            if (found := pattern.fullmatch(path)) and verb == allowed:
                return self._run(view, environ, found.groupdict())
        return self._sorry("There is no such page.", HTTPStatus.NOT_FOUND)

    def _run(self, view: "View", environ: "WSGIEnvironment", found: dict[str, str]) -> Reply:
        try:
            return view(self, environ, **found)
        except (Refused, RpcRefused) as error:
            return self._sorry(str(error), HTTPStatus.BAD_GATEWAY)
        except NodeError:
            return self._sorry("The development node does not answer.", HTTPStatus.BAD_GATEWAY)
        except BadRequest as error:
            return self._sorry(str(error), HTTPStatus.BAD_REQUEST)

    def show_goods(self, _environ: "WSGIEnvironment") -> Reply:
        goods = [{"key": key, "name": name, "price": price} for key, (name, price) in GOODS.items()]
        return self._page("goods.html", goods=goods, orders=self.orders.recent())

    def buy(self, environ: "WSGIEnvironment") -> Reply:
        """Opens an invoice and sends the customer to its payment page."""
        name, price = _known(GOODS, _form(environ).get("good", ""))
        number = self.orders.add(name, price)
        invoice = self.gateway.open_invoice(
            amount=price, order_id=str(number), description=name, return_url=f"{self.about.url}/orders/{number}"
        )
        self.orders.note_invoice(number, invoice.id, invoice.checkout_url)
        return _see_other(invoice.checkout_url)

    def show_order(self, _environ: "WSGIEnvironment", number: str) -> Reply:
        order = self._order(number)
        return self._page(
            "order.html",
            order=order,
            webhooks=self.orders.webhooks(order.number),
            coins=self.payer.coins,
            admin=f"{self.about.cryptopay_url}/admin/",
        )

    def pay(self, environ: "WSGIEnvironment", number: str) -> Reply:
        order, form = self._order(number), _form(environ)
        coin = _known({coin: coin for coin in self.payer.coins}, form.get("coin", ""))
        share = _known({share.value: share for share in Share}, form.get("share", ""))
        self.payer.pay(order.invoice_id, coin, share)
        return _see_other(f"/orders/{number}")

    def mine(self, environ: "WSGIEnvironment", number: str) -> Reply:
        coin = _known({coin: coin for coin in self.payer.coins}, _form(environ).get("coin", ""))
        self.payer.mine(coin)
        return _see_other(f"/orders/{number}")

    def hear(self, environ: "WSGIEnvironment") -> Reply:
        """A webhook. Believed only if the signature over its very bytes holds."""
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        headers = {name: environ.get(f"HTTP_{name.upper().replace('-', '_')}", "") for name in names}
        try:
            event: dict[str, Any] = self.verifier.verify(_body(environ), headers)
        except WebhookVerificationError:
            return Reply(b"not signed by CryptoPay", HTTPStatus.UNAUTHORIZED)
        self.orders.note_webhook(event)
        return Reply(status=HTTPStatus.NO_CONTENT)

    def style(self, _environ: "WSGIEnvironment") -> Reply:
        return Reply(_STYLE, headers={"Content-Type": "text/css; charset=utf-8"})

    def _order(self, number: str) -> Order:
        order = self.orders.find(int(number))
        if order is None:
            raise BadRequest("There is no such order.")
        return order

    def _page(self, name: str, status: HTTPStatus = HTTPStatus.OK, **facts: Any) -> Reply:
        return Reply(self.pages.get_template(name).render(Context(facts)).encode(), status)

    def _sorry(self, words: str, status: HTTPStatus) -> Reply:
        return self._page("sorry.html", status, words=words)

    def _guards(self) -> dict[str, str]:
        # A form's redirect is held against form-action too, so the payment page's origin stands in it.
        origins = f"'self' {self.about.cryptopay_url}"
        return {
            "Content-Security-Policy": f"default-src 'none'; style-src 'self'; form-action {origins}; base-uri 'none'; "
            "frame-ancestors 'none'",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }


View = Callable[..., Reply]


class BadRequest(Exception):
    """The browser asked for something the shop does not offer."""

    code = "bad_request"


ROUTES: tuple[tuple[str, re.Pattern[str], View], ...] = (
    ("GET", re.compile(r"/"), Shop.show_goods),
    ("GET", re.compile(r"/shop\.css"), Shop.style),
    ("POST", re.compile(r"/orders"), Shop.buy),
    ("GET", re.compile(r"/orders/(?P<number>[0-9]{1,9})"), Shop.show_order),
    ("POST", re.compile(r"/orders/(?P<number>[0-9]{1,9})/pay"), Shop.pay),
    ("POST", re.compile(r"/orders/(?P<number>[0-9]{1,9})/mine"), Shop.mine),
    ("POST", re.compile(r"/webhooks"), Shop.hear),
)


@cache
def _shop() -> Shop:
    return Shop(config.load())


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """For gunicorn."""
    return _shop()(environ, start_response)


def _body(environ: "WSGIEnvironment") -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        raise BadRequest("That is too much.")
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def _form(environ: "WSGIEnvironment") -> dict[str, str]:
    """A form of our own pages; other sites' pages are told off, for here a form spends coins."""
    if environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in {"same-origin", "none"}:
        raise BadRequest("This form belongs on our own page.")
    fields = parse_qs(_body(environ).decode(errors="replace"), max_num_fields=10)
    return {name: values[0] for name, values in fields.items()}


def _known(choices: dict[str, Choice], key: str) -> Choice:
    if key not in choices:
        raise BadRequest("That is not on offer.")
    return choices[key]


def _see_other(place: str) -> Reply:
    return Reply(status=HTTPStatus.SEE_OTHER, headers={"Location": place})
