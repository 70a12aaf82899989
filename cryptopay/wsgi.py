"""The web server's entry."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptopay.settings")
os.environ.setdefault("CRYPTOPAY_LOGIN", "web")

application = get_wsgi_application()
