"""Every address of the installation."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from cryptopay.checkout.views import start
from cryptopay.monthend.sending import public_key

urlpatterns: list[URLPattern | URLResolver] = [
    path("", start, name="start"),
    path(".well-known/cryptopay-period-key.pem", public_key, name="period_key"),
    path("admin/", admin.site.urls),
    path("api/", include("cryptopay.api.urls")),
    path("account/", include("cryptopay.people.urls")),
    path("pay/", include("cryptopay.checkout.urls")),
]

handler429 = "cryptopay.people.limits.too_many"  # log-in's own; the API answers in JSON
