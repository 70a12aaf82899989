"""API keys by API: never a secret twice, never more rights than one has, never a life longer than one's own."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cryptopay.api.models import IdempotencyKey
from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey, User
from tests.cryptopay.api.conftest import Caller, code

READS = ["invoices:read"]


def new(caller: Caller, scopes: list[str] | None = None, **more: Any) -> dict[str, Any]:
    answer = caller.post("/api-keys", {"label": "till", "scopes": scopes or READS, **more})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()  # type: ignore[attr-defined]
    return made


def with_secret(caller: Caller, secret: str) -> Caller:
    """The same merchant's program with that key in its hand."""
    key = api_keys.authenticate(secret)
    assert key is not None
    other = Caller(caller.merchant, live=key.live)
    other.key.delete()
    other.key, other.secret = key, secret
    return other


def test_a_key_made_by_a_program_works_and_says_who_made_it(alice: Caller) -> None:
    made = new(alice)
    assert made["secret"].startswith("sk_test_")
    assert (made["scopes"], made["live"], made["state"]) == (READS, False, "active")
    assert (made["made_by"], made["made_with"], made["asking"]) == (None, alice.key.public_id, False)
    till = with_secret(alice, made["secret"])
    assert till.get("/invoices").status_code == 200
    assert code(till.post("/invoices", {})) == "scope_missing"
    assert code(till.get("/api-keys")) == "scope_missing"


def test_the_list_has_every_key_of_the_book_and_no_secret(alice: Caller, charlie: Caller) -> None:
    person = User.objects.create_user("erin")
    api_keys.create(alice.merchant, "by hand", live=False, scopes=READS, made_by=person)
    api_keys.create(alice.merchant, "for real money", live=True, scopes=READS)
    made = new(alice)
    answer = alice.get("/api-keys")
    rows = answer.json()["data"]
    assert [(row["label"], row["made_by"]) for row in rows] == [("till", None), ("by hand", "erin"), ("tests", None)]
    assert [row["asking"] for row in rows] == [False, False, True]
    assert rows[2]["last_used_at"] is not None
    assert rows[1]["last_used_at"] is None
    text = answer.content.decode()
    for secret in (made["secret"], alice.secret):
        assert secret not in text
        assert secret.removeprefix("sk_test_")[:8] not in text
        assert any(row["hint"].endswith(secret[-4:]) for row in rows)
    assert alice.get(f"/api-keys/{made['id']}").json() == rows[0]
    assert code(charlie.get(f"/api-keys/{made['id']}")) == "not_found"


def test_pages_of_keys(alice: Caller) -> None:
    for _ in range(3):
        new(alice)
    first = alice.get("/api-keys", limit=3).json()
    second = alice.get("/api-keys", limit=3, cursor=first["next_cursor"]).json()
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert second["data"][0]["id"] == alice.key.public_id


@pytest.mark.parametrize(
    ("scopes", "status", "said"),
    [
        (["ledger:read"], 403, "scope_exceeded"),
        (["invoices:read", "ledger:write"], 403, "scope_exceeded"),
        (["everything"], 400, "scope_invalid"),
        ([], 400, "min_length"),
    ],
)
def test_threat_40_no_key_gives_rights_it_lacks(alice: Caller, scopes: list[str], status: int, said: str) -> None:
    maker = Caller(alice.merchant, scopes=["api-keys:write", "invoices:read"])
    before = ApiKey.objects.count()
    answer = maker.post("/api-keys", {"label": "more", "scopes": scopes})
    assert (answer.status_code, code(answer)) == (status, said)
    assert answer.json()["errors"][0]["pointer"] == "/scopes"  # type: ignore[attr-defined]
    assert ApiKey.objects.count() == before


def test_threat_40_no_key_outlives_its_maker(alice: Caller) -> None:
    ends = timezone.now() + timedelta(hours=2)
    ApiKey.objects.filter(pk=alice.key.pk).update(expires_at=ends)
    assert new(alice)["expires_at"] == new(alice, expires_at=ends.isoformat())["expires_at"]
    assert {key.expires_at for key in ApiKey.objects.filter(label="till")} == {ends}
    sooner = ends - timedelta(hours=1)
    made = new(alice, expires_at=sooner.isoformat())
    assert ApiKey.objects.get(public_id=made["id"]).expires_at == sooner
    for moment in (ends + timedelta(seconds=1), timezone.now() - timedelta(seconds=1)):
        answer = alice.post("/api-keys", {"label": "x", "scopes": READS, "expires_at": moment.isoformat()})
        assert (answer.status_code, code(answer)) == (400, "key_expiry_invalid")
        assert answer.json()["errors"][0]["pointer"] == "/expires_at"  # type: ignore[attr-defined]


def test_threat_40_a_weaker_key_ends_no_stronger_one(alice: Caller) -> None:
    weaker = Caller(alice.merchant, scopes=["api-keys:write", "invoices:read"])
    answer = weaker.send("DELETE", f"/api-keys/{alice.key.public_id}")
    assert (answer.status_code, code(answer)) == (403, "scope_exceeded")
    assert alice.get("/me").status_code == 200
    ended = alice.send("DELETE", f"/api-keys/{weaker.key.public_id}").json()  # type: ignore[attr-defined]
    assert ended["state"] == "revoked"
    assert code(weaker.get("/me")) == "api_key_revoked"
    again = alice.send("DELETE", f"/api-keys/{weaker.key.public_id}").json()  # type: ignore[attr-defined]
    assert again["revoked_at"] == ended["revoked_at"]
    weaker.key.refresh_from_db()
    assert (weaker.key.revoked_with, weaker.key.revoked_by) == (alice.key, None)


def test_rotation_gives_a_new_secret_and_the_former_one_runs_out(alice: Caller) -> None:
    answer = alice.post("/api-keys/rotate", {"overlap_seconds": 3600}, key="rotation")
    rotated = answer.json()  # type: ignore[attr-defined]
    assert answer.status_code == 201
    assert (rotated["scopes"], rotated["made_with"]) == (sorted(ApiKey.Scope.values), alice.key.public_id)
    assert rotated["former"]["id"] == alice.key.public_id
    alice.key.refresh_from_db()
    assert alice.key.rotated_at is not None
    assert alice.key.expires_at == alice.key.rotated_at + timedelta(hours=1)
    newer = with_secret(alice, rotated["secret"])
    assert alice.get("/me").status_code == newer.get("/me").status_code == 200
    replayed = alice.post("/api-keys/rotate", {"overlap_seconds": 3600}, key="rotation")
    assert replayed.json() == rotated  # type: ignore[attr-defined]
    assert replayed["Idempotent-Replayed"] == "true"
    ApiKey.objects.filter(pk=alice.key.pk).update(expires_at=timezone.now())
    refused = alice.get("/me")
    assert (refused.status_code, code(refused)) == (401, "api_key_expired")
    assert newer.get("/me").status_code == 200


def test_threat_40_in_its_last_hours_a_rotated_key_makes_no_others(alice: Caller) -> None:
    """It may have been rotated because it leaked."""
    alice.post("/api-keys/rotate", {})
    for path, body in (("/api-keys/rotate", {}), ("/api-keys", {"label": "x", "scopes": READS})):
        answer = alice.post(path, body)
        assert (answer.status_code, code(answer)) == (409, "api_key_ended")
    assert ApiKey.objects.filter(merchant=alice.merchant).count() == 2


def test_threat_38_a_secret_is_in_the_one_answer_that_makes_it(
    alice: Caller, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Made and rotated, used, refused and revoked: no log, no other answer and no column has it."""
    caplog.set_level(0)
    made = new(alice, ["api-keys:read", "api-keys:write"])
    till = with_secret(alice, made["secret"])
    rotated = till.post("/api-keys/rotate", {}).json()  # type: ignore[attr-defined]
    newer = with_secret(alice, rotated["secret"])
    answers = [newer.get("/api-keys"), newer.get("/me"), newer.post("/invoices", {"api_key": rotated["secret"]})]
    answers += [alice.send("DELETE", f"/api-keys/{each['id']}") for each in (made, rotated)]
    answers += [till.get("/me"), newer.get("/api-keys")]
    assert [code(answer) for answer in answers[-2:]] == ["api_key_revoked"] * 2
    kept = [*ApiKey.objects.values_list(), *IdempotencyKey.objects.values_list()]
    said = caplog.text + "".join(capfd.readouterr()) + "".join(answer.content.decode() for answer in answers)
    assert "request_finished" in said
    for secret in (made["secret"], rotated["secret"]):
        core = secret.removeprefix("sk_test_")
        assert core not in said + str(kept)
        assert core.encode() not in b"".join(bytes(row.sealed_answer) for row in IdempotencyKey.objects.all())


@pytest.mark.parametrize("seconds", [0, 59, 604_801, "3600", True, 1.5])
def test_how_long_the_former_key_goes_on_is_bounded(alice: Caller, seconds: Any) -> None:
    assert alice.post("/api-keys/rotate", {"overlap_seconds": seconds}).status_code == 400
    alice.key.refresh_from_db()
    assert alice.key.rotated_at is None
