"""Who may pass: pages for whoever has signed in, with all that is asked of them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from cryptopay.merchants import second_factor
from cryptopay.merchants.second_factor import Standing

_WAYS_OUT = frozenset({"mfa_reauthenticate", "mfa_reauthenticate_webauthn", "account_logout"})
View = Callable[..., HttpResponse]


def signed_in(view: View) -> View:
    """Sends strangers to the log-in, and those who owe a second factor to where they show or make it."""

    @wraps(view)
    @never_cache
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return second_factor.detour(request) or view(request, *args, **kwargs)

    return guarded


class SecondFactorShown:
    """Middleware: a session that owes its second factor changes no password, no address and no factor either.

    Else one that is older than the factor could add a factor of its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or not match.route.startswith("account/") or match.url_name in _WAYS_OUT:
            return None
        owes = request.user.is_authenticated and second_factor.standing(request) == Standing.UNSHOWN
        return second_factor.detour(request) if owes else None
