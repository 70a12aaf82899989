"""What log-in does here beyond django-allauth's own ways."""

import hmac
import secrets
from base64 import b64decode, b64encode
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.http import HttpRequest

from cryptopay.merchants import team
from cryptopay.merchants.errors import InvitationEnded
from cryptopay.merchants.models import User

INVITATION = "invitation"
"""Where the session keeps the secret of the link that somebody followed."""
_NONCE_BYTES = 12
_LONGEST_NAME = 150
_OUR_STAGE = {
    "allauth.account.stages.EmailVerificationStage": "cryptopay.people.stages.EmailVerification",
}


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up is open to who was invited, and to strangers where the operator says so. Names are e-mail addresses."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP_OPEN) or self._is_invited(request)

    def _is_invited(self, request: HttpRequest) -> bool:
        try:
            team.invitation(request.session.get(INVITATION, ""))
        except InvitationEnded:
            return False
        return True

    def populate_username(self, request: HttpRequest, user: User) -> None:
        """The address, for it stands beside everything this person does; it stays when the address is changed."""
        address = user.email.lower()
        taken = len(address) > _LONGEST_NAME or User.objects.filter(username__iexact=address).exists()
        user.username = self.generate_unique_username([address[:100], "person"]) if taken else address

    def get_login_stages(self) -> list[str]:
        return [_OUR_STAGE.get(stage, stage) for stage in super().get_login_stages()]

    def send_account_already_exists_mail(self, email: str) -> None:
        """In place of an account that was not made; hashing a password, as making it would, costs the same time."""
        User().set_password(secrets.token_hex())
        super().send_account_already_exists_mail(email)

    def render_mail(self, template_prefix: str, email: str, context: dict[str, Any], headers: Any = None) -> Any:
        return super().render_mail(template_prefix, email, {**context, "public_url": settings.PUBLIC_URL}, headers)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Seeds of second factors are sealed at rest, under a key of their own."""

    def encrypt(self, text: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return b64encode(nonce + _cipher().encrypt(nonce, text.encode(), None)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        sealed = b64decode(encrypted_text)
        return _cipher().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None).decode()


def _cipher() -> AESGCM:
    # A single HMAC is HKDF's expand step (RFC 5869) for 32 bytes.
    return AESGCM(hmac.digest(settings.KEYS_ENCRYPTION_KEY, b"cryptopay second factors\x01", "sha256"))
