"""Every address under /account/: ours, and django-allauth's."""

from django.urls import include, path

from cryptopay.people import founding, starting, team

urlpatterns = [
    path("", founding.home, name="people_home"),
    path("merchant/", founding.found, name="people_found"),
    path("start/", starting.page, name="people_start"),
    path("start/<int:merchant_id>/", starting.page, name="people_start_of"),
    path("start/<int:merchant_id>/key/", starting.key, name="people_start_key"),
    path("start/<int:merchant_id>/pay/", starting.pay, name="people_start_pay"),
    path("start/<int:merchant_id>/invoice/", starting.invoice, name="people_start_invoice"),
    path("team/", team.page, name="people_team"),
    path("team/<int:merchant_id>/", team.page, name="people_team_of"),
    path("team/members/<int:member_id>/", team.change, name="people_member"),
    path("team/invitations/<int:invitation_id>/withdraw/", team.withdraw, name="people_withdraw"),
    path("invitations/<str:secret>/", team.invitation, name="people_invitation"),
    path("", include("allauth.account.urls")),
    path("second-factor/", include("allauth.mfa.urls")),
]
