"""The Postman collection has the form Postman reads, and every operation of the description."""

import json
import re
from typing import Any

import pytest

from cryptopay.devnet import writing
from cryptopay.devnet.writing import postman


@pytest.fixture(scope="module")
def requests() -> list[dict[str, Any]]:
    told = json.loads(postman.collection(writing.description()))
    assert told["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert {variable["key"] for variable in told["variable"]} == {"baseUrl", "apiKey"}
    found: list[dict[str, Any]] = [request for folder in told["item"] for request in folder["item"]]
    return found


def test_every_operation_is_in_it(requests: list[dict[str, Any]]) -> None:
    described = {
        (one.method, "{{baseUrl}}/api/v1" + re.sub(r"\{(\w+)\}", r":\1", one.path))
        for one in writing.operations(writing.description())
    }
    assert {(one["request"]["method"], one["request"]["url"]["raw"]) for one in requests} == described
    assert len(requests) == len(described)


def test_each_has_what_the_format_asks(requests: list[dict[str, Any]]) -> None:
    """Collection format 2.1: `url.raw` is its parts, a path's variables are declared, a body is text."""
    for one in requests:
        request, url = one["request"], one["request"]["url"]
        assert one["name"]
        assert url["raw"] == "/".join([*url["host"], *url["path"]])
        assert {part[1:] for part in url["path"] if part.startswith(":")} == {each["key"] for each in url["variable"]}
        assert all(each["value"] for each in url["variable"]), url["raw"]
        assert all(set(header) == {"key", "value"} for header in request["header"])
        assert ("Idempotency-Key" in {header["key"] for header in request["header"]}) == (request["method"] == "POST")
        if "body" in request:
            assert request["body"]["mode"] == "raw"
            assert isinstance(json.loads(request["body"]["raw"]), dict)


def test_what_needs_no_key_sends_none(requests: list[dict[str, Any]]) -> None:
    open_ones = {one["request"]["url"]["path"][-1] for one in requests if "auth" in one["request"]}
    assert open_ones >= {"public", "health"}
