from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Sign-up, log-in, second factors, the team and the first steps: pages alone, no tables."""

    name = "cryptopay.people"
    verbose_name = "People's pages"

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_added

        from cryptopay.merchants.second_factor import note_new

        authenticator_added.connect(note_new)
