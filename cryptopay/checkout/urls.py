"""Addresses of the payment page."""

from django.urls import path

from cryptopay.checkout import views

app_name = "checkout"
urlpatterns = [
    path("<slug:public_id>", views.invoice_page, name="invoice"),
    path("<slug:public_id>/state", views.invoice_state, name="state"),
    path("<slug:public_id>/method", views.choose_method, name="method"),
]
