"""Each operation is sent what its description allows, and what it forbids; what comes back must be described.

A new operation takes part by itself. Where it fails, the text says which request was answered by what: describe the
answer (`responses`, `refusals`), or mend the operation. `make torture TRIALS=schema` sends many more, at random.
"""

import functools
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CheckContext
from schemathesis.core.mutations import Mutation
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi import checks

from cryptopay.api.authentication import PUBLIC
from tests.cryptopay.api.conftest import Caller
from tests.cryptopay.api.test_outsiders import DOORS, Door, ids

__all__ = ["ids"]

CASES = 12
TOO_LARGE = 413
"""A refusal, too, of which schemathesis does not know."""
OPERATIONS = [(door, method) for door in DOORS for method in door.methods]
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@contextmanager
def connection_kept() -> Iterator[None]:
    """Requests come by plain WSGI; Django's own test client would see to it that the test's transaction goes on."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@functools.cache
def _schema() -> BaseSchema:
    """As it is served; loaded once."""
    return schemathesis.openapi.from_wsgi("/api/schema", get_wsgi_application())


def _operation(door: Door, method: str) -> APIOperation[Any, Any, Any, Any]:
    return _schema()["/" + re.sub(r"<\w+:(\w+)>", r"{\1}", door.route)][method]


def _examples(door: Door, method: str) -> list[Any]:
    path = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", door.route)
    body = _schema().raw_schema["paths"][path][method.lower()].get("requestBody", {"content": {}})["content"]
    told: dict[str, Any] = body.get("application/json", {})
    return [told["example"]] if "example" in told else [one["value"] for one in told.get("examples", {}).values()]


@pytest.mark.parametrize(("door", "method"), OPERATIONS, ids=lambda part: getattr(part, "name", part))
def test_every_answer_is_described(
    door: Door, method: str, alice: Caller, ids: dict[str, str], request: pytest.FixtureRequest
) -> None:
    with connection_kept():
        _try(
            door, method, alice, {name: ids[name] for name in door.parameters}, request.config.getoption("cases", None)
        )


def _try(door: Door, method: str, alice: Caller, own: dict[str, str], cases: int | None) -> None:
    operation = _operation(door, method)
    strategies = [
        operation.as_strategy(path_parameters=own),
        operation.as_strategy(path_parameters=own, generation_mode=GenerationMode.NEGATIVE),
    ]
    if own:
        strategies.append(operation.as_strategy())
    strategies += [operation.as_strategy(path_parameters=own, body=body) for body in _examples(door, method)]

    @settings(
        max_examples=cases or CASES,
        derandomize=cases is None,
        database=None,
        deadline=None,
        phases=(Phase.generate,),  # a failure names its request; to shrink one may take minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(strategies))
    def ask(case: schemathesis.Case) -> None:
        headers = {} if PUBLIC in door.view.scopes.values() else {"Authorization": f"Bearer {alice.secret}"}
        if method == "POST" and case.meta is not None and case.meta.generation.mode.is_positive:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        try:
            case.call_and_validate(headers=headers, checks=[*OUR_CHECKS, *CHECKS])
        except Exception as wrong:
            wrong.add_note(case.as_curl_command())
            raise

    ask()


def it_is_no_fault_of_ours(_: CheckContext, response: Response, case: schemathesis.Case) -> None:
    """503 says that a node, a rate or a chain is away, which is so in these tests; never that the database is."""
    assert response.status_code != 500, f"{case.method} {case.path} failed: {response.text}"
    assert response.status_code != 503 or response.json()["code"] != "temporarily_unavailable", response.text


def the_code_is_described(_: CheckContext, response: Response, case: schemathesis.Case) -> None:
    """Of a refusal: for that status, among `x-codes`; each of its errors, for any."""
    if response.status_code < 400:
        return
    told = response.json()
    described = {status: _codes(case.operation, status) for status in case.operation.responses.status_codes}
    assert told["code"] in described[str(response.status_code)], (
        f"{case.method} {case.path} answered {response.status_code} `{told['code']}`, which it does not describe: name "
        f"it in the view's `refusals`, and its status in api/errors.py or api/refusals.py. {told}"
    )
    for error in told["errors"]:
        assert any(error["code"] in codes for codes in described.values()), (case.path, error)


def _codes(operation: APIOperation[Any, Any, Any, Any], status: str) -> list[str]:
    raw = _schema().raw_schema
    answer = raw["paths"][operation.path][operation.method.lower()]["responses"][status]
    if reference := answer.get("$ref"):
        answer = raw["components"]["responses"][reference.rpartition("/")[2]]
    return list(answer.get("x-codes", []))


def what_is_forbidden_is_refused(ctx: CheckContext, response: Response, case: schemathesis.Case) -> None:
    """A request that breaks its description comes to nothing. Else either of them is wrong."""
    if response.status_code == TOO_LARGE:
        return
    if case.meta is not None and case.meta.generation.mode.is_negative and not _made_good(case):
        checks.negative_data_rejection(ctx, response, case)


def _made_good(case: schemathesis.Case) -> bool:
    """What is sent breaks nothing any more: we put back the log-in that the case leaves out; what else it adds to a
    query may come to nothing (`[]`), and what it takes from one may be drawn all the same."""
    broken = getattr(case.meta.phase.data, "mutations", ()) if case.meta else ()
    return bool(broken) and all(_is_sent(case, one) for one in broken)


def _is_sent(case: schemathesis.Case, broken: Mutation) -> bool:
    """Whether all that the mutation leaves out is there."""
    left_out = broken.original_value if isinstance(broken.original_value, list) else [broken.original_value]
    if broken.parameter_location is ParameterLocation.HEADER:
        return left_out == ["Authorization"]
    frills = set(broken.keywords) <= {"additionalProperties", "required"}
    query = broken.parameter_location is ParameterLocation.QUERY
    return query and frills and all(name is None or name in (case.query or {}) for name in left_out)


OUR_CHECKS = [it_is_no_fault_of_ours, the_code_is_described, what_is_forbidden_is_refused]
