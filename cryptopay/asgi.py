"""The asynchronous web server's entry."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptopay.settings")
os.environ.setdefault("CRYPTOPAY_LOGIN", "web")

application = get_asgi_application()
