"""The first page after log-in, and the form by which a newcomer founds a merchant."""

from typing import cast

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from cryptopay.merchants import onboarding
from cryptopay.merchants.models import Membership, Merchant, User
from cryptopay.people.doors import signed_in

CURRENCIES = (
    *(("EUR", "Euro"), ("USD", "US dollar"), ("GBP", "Pound sterling"), ("CHF", "Swiss franc")),
    *(("CAD", "Canadian dollar"), ("AUD", "Australian dollar"), ("JPY", "Yen"), ("PLN", "Zloty")),
    *(("SEK", "Swedish krona"), ("NOK", "Norwegian krone"), ("DKK", "Danish krone"), ("CZK", "Czech koruna")),
)


class NewMerchant(forms.Form):
    """What a business is called and in which currency its books are valued."""

    name = forms.CharField(
        max_length=Merchant._meta.get_field("name").max_length, label="Name", help_text="Your customers see it."
    )
    currency = forms.ChoiceField(choices=CURRENCIES, label="Currency", help_text="Your books are valued in it.")


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """To the back office, or for whoever belongs to no merchant yet, to where one begins."""
    user = cast(User, request.user)
    if user.is_staff and (user.is_superuser or Membership.objects.filter(user=user).exists()):
        return redirect("admin:index")
    return found(request)


@signed_in
def found(request: HttpRequest) -> HttpResponse:
    """A newcomer's merchant: a live and a test book, and they own it."""
    user = cast(User, request.user)
    if not settings.SIGN_UP_OPEN and not user.is_superuser:
        return render(request, "people/nobody_yet.html")
    form = NewMerchant(request.POST or None)
    if not form.is_valid():
        return render(request, "people/found.html", {"form": form})
    onboarding.found_merchant(user, form.cleaned_data["name"], form.cleaned_data["currency"])
    return HttpResponseRedirect(reverse("people_start"))
