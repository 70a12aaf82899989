"""A period package on its way out, to a person or to a program."""

from base64 import b64encode

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from cryptopay.monthend import packages, signing
from cryptopay.monthend.models import Package


def public_key(request: HttpRequest) -> HttpResponse:
    """`/.well-known/cryptopay-period-key.pem`: with which packages are checked. Everybody may have it."""
    return HttpResponse(signing.public_pem(), content_type="application/x-pem-file")


def download(package: Package) -> StreamingHttpResponse:
    """The zip as a browser or a program fetches it."""
    headers = {
        "Content-Disposition": f'attachment; filename="{packages.file_name(package)}"',
        "Content-Length": str(package.size),
        "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(package.sha256)).decode()}:",
    }
    return StreamingHttpResponse(packages.content(package), content_type="application/zip", headers=headers)
