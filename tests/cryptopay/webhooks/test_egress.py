"""What leaves this house, and where to: never into a private network, whatever a URL or a name server says."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from cryptopay.webhooks import addresses, egress
from cryptopay.webhooks.errors import UrlRefused
from tests.receiver import Receiver, Reply

HOSTILE = [
    # loopback, in every dress
    "https://127.0.0.1/",
    "https://127.0.0.1:8000/admin",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0/",
    "https://0.0.0.0/",
    "https://127.255.255.254/",
    "https://localhost/",
    "https://LOCALHOST:5432/",
    "https://localhost./",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    # IPv4 inside IPv6: mapped, compatible, NAT64, 6to4, Teredo
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:7f00:1::]/",
    # private networks
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://[fc00::1]/",
    "https://[fd12:3456::1]/",
    "https://[fec0::1]/",
    # metadata of clouds
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://[fd00:ec2::254]/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    # link-local, multicast, broadcast, reserved, documentation
    "https://169.254.1.1/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://255.255.255.255/",
    "https://240.0.0.1/",
    "https://192.0.2.1/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    # not https
    "http://shop.example/",
    "ftp://shop.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "javascript:alert(1)",
    "//shop.example/",
    "shop.example/hooks",
    "https:///path",
    "https://",
    "",
    # parsers at odds
    "https://user@shop.example/",
    "https://user:password@shop.example/",
    "https://@shop.example/",
    "https://shop.example#@127.0.0.1/",
    "https://shop.example/#fragment",
    "https://shop.example/#",
    "https://shop.example\\@127.0.0.1/",
    "https://127.0.0.1\\.shop.example/",
    "https://shop.example\t/",
    "https://shop.example/\r\nX-Injected: yes",
    "https://shop.example /",
    "https://\x00127.0.0.1/",
    "https://127。0。0。1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://shop.example:99999/",
    "https://shop.example:port/",
    "https://[::1/",
    "https://%31%32%37.0.0.1/",
]


@pytest.fixture
def in_production(settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where a connection was tried. None is made."""
    tried: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError("no connection in this test")

    monkeypatch.setattr(socket, "create_connection", refuse)
    return tried


@pytest.fixture
def resolve_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A name server of our own: each question gets the next answer. Gives the list of names asked for."""

    def install(*answers: list[str]) -> list[str]:
        asked: list[str] = []
        left = list(answers)

        def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            asked.append(host)
            return [
                (socket.AF_INET6 if ":" in text else socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port))
                for text in left.pop(0)
            ]

        monkeypatch.setattr(egress.socket, "getaddrinfo", getaddrinfo)
        return asked

    return install


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize("url", HOSTILE)
def test_threat_36_no_url_leads_into_a_private_network(url: str, connections: list[tuple[str, int]]) -> None:
    with pytest.raises((UrlRefused, egress.NotSent)):
        egress.post(url, {}, b"{}")
    assert connections == []


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize("url", ["https://localhost/", "https://127.1/", "https://2130706433/", "https://0/"])
def test_threat_36_a_real_name_that_resolves_to_a_private_address(url: str, connections: list[tuple[str, int]]) -> None:
    """Past the form of the URL: the system's own resolver leads home, and that is where it is stopped."""
    egress.check_url(url)
    with pytest.raises(egress.NotSent, match="private network"):
        egress.post(url, {}, b"{}")
    assert connections == []


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize(
    "answer",
    [["10.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["2606:2800::1", "::ffff:10.0.0.1"], ["fe80::1%eth0"], []],
)
def test_threat_36_a_name_that_answers_with_a_private_address(
    answer: list[str], connections: list[tuple[str, int]], resolve_to: Callable[..., list[str]]
) -> None:
    resolve_to(answer)
    with pytest.raises(egress.NotSent, match="private network"):
        egress.post("https://rebind.example/", {}, b"{}")
    assert connections == []


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("metadata.google.internal", "169.254.169.254"),
        ("instance-data.ec2.internal", "169.254.169.254"),
        ("metadata.azure.internal", "168.63.129.16"),
        ("kubernetes.default.svc.cluster.local", "10.96.0.1"),
        ("db", "172.18.0.2"),
        ("127.0.0.1.nip.io", "127.0.0.1"),
        ("mapped.example", "::ffff:169.254.169.254"),
        ("nat64.example", "64:ff9b::a9fe:a9fe"),
    ],
)
def test_threat_36_names_of_clouds_and_neighbours(
    name: str, answer: str, connections: list[tuple[str, int]], resolve_to: Callable[..., list[str]]
) -> None:
    resolve_to([answer])
    with pytest.raises(egress.NotSent, match="private network"):
        egress.post(f"https://{name}/", {}, b"{}")
    assert connections == []


@pytest.mark.usefixtures("in_production")
def test_threat_36_a_name_is_asked_for_once(
    connections: list[tuple[str, int]], resolve_to: Callable[..., list[str]]
) -> None:
    """DNS rebinding: the second answer would lead home, and is never asked for."""
    asked = resolve_to(["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"])
    with pytest.raises(egress.NotSent, match="no connection in this test"):
        egress.post("https://rebind.example/", {}, b"{}")
    assert asked == ["rebind.example"]
    assert connections == [("93.184.215.14", 443)]


@pytest.mark.usefixtures("in_production")
def test_threat_36_a_url_stored_in_development_is_judged_again(connections: list[tuple[str, int]]) -> None:
    with pytest.raises(UrlRefused):
        egress.post("http://shop.example/", {}, b"{}")
    assert connections == []


@pytest.mark.parametrize(
    "text",
    [
        *("1.1.1.1", "93.184.215.14", "172.15.255.255", "172.32.0.0", "100.63.255.255", "169.253.255.255"),
        *("223.255.255.255", "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1"),
    ],
)
def test_public_addresses_are_public(text: str) -> None:
    assert addresses.is_public(text)


@pytest.mark.usefixtures("in_production")
@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hooks?token=a%20b",
        "https://shop.example:8443/",
        "https://1.1.1.1/",
        "https://a.b-c.example",
    ],
)
def test_honest_urls_pass(url: str) -> None:
    egress.check_url(url)


def test_the_next_address_is_tried_where_the_first_does_not_answer(
    receiver: Receiver, resolve_to: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.create_connection

    def without_ipv6(address: tuple[str, int], *rest: Any, **options: Any) -> socket.socket:
        if ":" in address[0]:
            raise OSError("no route")
        monkeypatch.undo()
        return connect(address, *rest, **options)

    resolve_to(["2606:2800::1", "127.0.0.1"])
    monkeypatch.setattr(socket, "create_connection", without_ipv6)
    assert egress.post(f"http://shop.example:{receiver.port}/", {}, b"{}").status == 204
    assert receiver.requests[0].headers["host"] == f"shop.example:{receiver.port}"


def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert egress.post(receiver.url, {}, b"{}").status == 204


def test_an_answer_that_breaks_off_still_counts_by_its_status(receiver: Receiver) -> None:
    receiver.answer_with(Reply(200, b"half", headers={"Content-Length": "4000"}))
    assert egress.post(receiver.url, {}, b"{}").status == 200


def test_no_words_of_http_at_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def say() -> None:
            accepted, _ = server.accept()
            with accepted:
                accepted.recv(1000)
                accepted.sendall(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")

        thread = threading.Thread(target=say)
        thread.start()
        with pytest.raises(egress.NotSent, match="ProtocolError"):
            egress.post(f"http://127.0.0.1:{server.getsockname()[1]}/", {}, b"{}")
        thread.join()


class TlsServer:
    """Speaks TLS with a certificate for one name, and notes the names it was asked for."""

    def __init__(self, folder: Path, name: str) -> None:
        self.asked_for: list[str | None] = []
        self.certificate = folder / "certificate.pem"
        key_file = folder / "key.pem"
        _self_signed(name, self.certificate, key_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key_file)
        context.sni_callback = lambda _, asked, __: self.asked_for.append(asked)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(context,))
        self._thread.start()

    def _serve(self, context: ssl.SSLContext) -> None:
        accepted, _ = self._socket.accept()
        try:
            with context.wrap_socket(accepted, server_side=True) as stream:
                while not stream.recv(10_000).endswith(b"{}"):
                    pass
                stream.sendall(b"HTTP/1.1 204 Told\r\nConnection: close\r\n\r\n")
        except (ssl.SSLError, OSError):
            accepted.close()

    def stop(self) -> None:
        self._thread.join()
        self._socket.close()


@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path, "shop.example")
    trusting = ssl.create_default_context(cafile=str(server.certificate))
    monkeypatch.setattr(egress, "_tls", lambda: trusting)
    yield server
    server.stop()


def test_tls_asks_for_the_name_and_not_the_address(tls_server: TlsServer, resolve_to: Callable[..., list[str]]) -> None:
    resolve_to(["127.0.0.1"], ["127.0.0.1"])
    assert egress.post(f"https://shop.example:{tls_server.port}/", {}, b"{}").status == 204
    assert tls_server.asked_for == ["shop.example"]


def test_a_certificate_for_another_name_is_refused(tls_server: TlsServer, resolve_to: Callable[..., list[str]]) -> None:
    resolve_to(["127.0.0.1"], ["127.0.0.1"])
    with pytest.raises(egress.NotSent, match="certificate"):
        egress.post(f"https://other.example:{tls_server.port}/", {}, b"{}")


def _self_signed(name: str, certificate_file: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
