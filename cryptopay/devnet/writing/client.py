"""The Python client's modules: what is sent and comes back (`kinds/`), and the operations on it, sync and async.

A module for each group of operations. A group that is no resource itself, as `/ledger`, is a folder with a module for
each resource in it, as the paths have it; to callers it is one group all the same.
"""

import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptopay.devnet.writing import HEADER, Operation, operations

_LINE = 112
_SIMPLE = {"string": "str", "integer": "int", "number": "Decimal", "boolean": "bool", "object": "Mapping[str, Any]"}
_FORMATS = {"date-time": "datetime", "date": "date", "decimal": "Decimal", "base-units": "int"}
_GIVEN = {"Decimal": "Decimal | str", "date": "date | str"}
_REFERENCE = "#/components/schemas/"
_FILE = "application/octet-stream"
_OTHER_FORMS = {
    "text/csv": ("csv", "as_text", "str"),
    "application/zip": ("zip", "as_file", "bytes"),
    "application/pdf": ("pdf", "as_file", "bytes"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx", "as_file", "bytes"),
}
"""Media type -> the operation's name there, how it is asked for, and what comes back."""
_AFTER_A_PAGE = {"cursor"}
"""Parameters a listing sees to itself."""
_SHARED = "shared"
_NARROW = "lint.isort.split-on-trailing-comma=false"
"""What fits into a line stands in one."""


def modules(schema: Mapping[str, Any]) -> dict[str, str]:
    """File name -> source, formatted."""
    groups: dict[str, list[Operation]] = {}
    for operation in operations(schema):
        groups.setdefault(_name(operation.tag), []).append(operation)
    writer = _Writer(schema["components"]["schemas"], groups)
    found = {"groups.py": _groups(groups), **writer.kinds()}
    for group, of_group in groups.items():
        if parts := _parts(of_group):
            found[f"{group}/__init__.py"] = _joined(group, parts)
            found |= {f"{group}/{part}.py": writer.part(group, part, own) for part, own in parts.items()}
        else:
            found[f"{group}.py"] = writer.module(group)
    return _formatted(found)


def _parts(of_group: Iterable[Operation]) -> dict[str, list[Operation]]:
    """By resource; empty where the group is one itself: it has operations at its own path, or on one of its objects."""
    found: dict[str, list[Operation]] = {}
    for operation in of_group:
        _, _, name = operation.path.removeprefix("/").partition("/")
        found.setdefault(_name(name.partition("/")[0]), []).append(operation)
    return {} if any(not part.isidentifier() for part in found) else dict(sorted(found.items()))


def _joined(group: str, parts: Iterable[str]) -> str:
    """One class for callers: each part brings its operations."""
    names = {part: f"{_title(group)}{_title(part)}" for part in parts}
    lines = [HEADER, *(f"from .{part} import Async{name}, {name}" for part, name in names.items())]
    for prefix in ("", "Async"):
        lines += [f"class {prefix}{_class(group)}({', '.join(f'{prefix}{name}' for name in names.values())}):"]
        lines += [f'    """Operations of `/{group}/...`."""', ""]
    return "\n".join(lines)


def _groups(groups: Iterable[str]) -> str:
    names = sorted(groups)
    lines = [HEADER, "from .sending import AsyncSender, Sender"]
    lines += [f"from .{name} import Async{_class(name)}, {_class(name)}" for name in names]
    for prefix in ("", "Async"):
        lines += [f"class {prefix}Groups:", '    """All operations, by what they are about."""', ""]
        lines += [f"    def __init__(self, sender: {prefix}Sender) -> None:"]
        lines += [f"        self.{name} = {prefix}{_class(name)}(sender)" for name in names]
    return "\n".join(lines)


def _formatted(sources: Mapping[str, str]) -> dict[str, str]:
    """As the house formats."""
    ruff = Path(sys.executable).parent / "ruff"
    return {name: _run(ruff, name, source) for name, source in sources.items()}


def _run(ruff: Path, name: str, source: str) -> str:
    path = f"cryptopay/client/{name}"
    fixed = [str(ruff), "check", "--quiet", "--config", _NARROW, "--select", "I,F401", "--fix-only", "--stdin-filename"]
    sorted_ = subprocess.run([*fixed, path, "-"], input=source, capture_output=True, text=True, check=True).stdout
    tidy = [str(ruff), "format", "--quiet", "--config", "format.skip-magic-trailing-comma=true", "--stdin-filename"]
    return subprocess.run([*tidy, path, "-"], input=sorted_, capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class _Writer:
    components: Mapping[str, Any]
    groups: Mapping[str, list[Operation]]

    @cached_property
    def users(self) -> Mapping[str, set[str]]:
        """Component -> the groups that need it."""
        found: dict[str, set[str]] = {}
        for group, of_group in self.groups.items():
            for operation in of_group:
                for name in self._needed(operation):
                    found.setdefault(name, set()).add(group)
        return found

    @cached_property
    def words(self) -> Mapping[tuple[str, ...], str]:
        """Components that are a choice of words, by those words: what is chosen from the same ones is of that kind."""
        named = sorted((name, one["enum"]) for name, one in self.components.items() if "enum" in one)
        return {tuple(words): name for name, words in reversed(named) if words != [None]}

    def module(self, group: str) -> str:
        return self._operations(group, _class(group), f"/{self.groups[group][0].tag}", self.groups[group], ".")

    def part(self, group: str, part: str, own: Sequence[Operation]) -> str:
        path = "/".join(own[0].path.split("/")[:3])
        return self._operations(group, f"{_title(group)}{_title(part)}", path, own, "..")

    def kinds(self) -> dict[str, str]:
        """What is sent and comes back, by group; `shared` is of several. All of it can be imported from `kinds`."""
        owners = {name: users.copy().pop() if len(users) == 1 else _SHARED for name, users in self.users.items()}
        found: dict[str, str] = {}
        lines, known = [HEADER], list[str]()
        for owner in sorted(set(owners.values())):
            own = sorted(name for name in owners if owners[name] == owner)
            shared = sorted(_kind_name(name) for name in owners if owners[name] == _SHARED)
            borrowed = f"from .{_SHARED} import {', '.join(shared)}" if owner != _SHARED else ""
            found[f"kinds/{owner}.py"] = "\n".join([HEADER, _IMPORTS, borrowed, *self._kinds(own)])
            lines.append(f"from .{owner} import {', '.join(map(_kind_name, own))}")
            known += map(_kind_name, own)
        names = ", ".join(f'"{name}"' for name in sorted(known))
        found["kinds/__init__.py"] = "\n".join([*lines, f"__all__ = [{names}]"])
        return found

    def _operations(self, group: str, name: str, path: str, own: Sequence[Operation], up: str) -> str:
        """A class for each kind of client, and what both send."""
        known = sorted(_kind_name(kind) for kind, users in self.users.items() if group in users)
        parts = [HEADER, _IMPORTS, _MACHINERY.format(up=up)]
        parts += [f"from {up}kinds import {', '.join(known)}"] if known else []
        for prefix in ("", "Async"):
            parts.append(f"class {prefix}{name}:")
            parts.append(f'    """Operations of `{path}`."""\n')
            parts.append(f"    def __init__(self, sender: {prefix}Sender) -> None:\n        self._sender = sender\n")
            parts += [text for operation in own for text in self._methods(operation, group, prefix)]
        parts += [self._call(operation, group) for operation in own]
        return "\n".join(parts)

    def _needed(self, operation: Operation) -> set[str]:
        """The components an operation's module names, those within them included."""
        found: set[str] = set()
        queue = [schema for schema in (operation.answer(),) if schema]
        if operation.body:
            queue += self._component(operation.body["schema"])["properties"].values()
        queue += [parameter["schema"] for parameter in operation.parameters("query")]
        while queue:
            schema = queue.pop()
            for name in (*re.findall(rf"{_REFERENCE}(\w+)", str(schema)), *self._chosen(schema)):
                if name not in found:
                    found.add(name)
                    queue.append(self.components[name])
        return {name for name in found if not _is_null(self.components[name]) and not _is_page(name)}

    def _chosen(self, schema: Any) -> Iterator[str]:
        """Components whose words stand in the schema once more."""
        if isinstance(schema, list):
            for inner in schema:
                yield from self._chosen(inner)
        elif isinstance(schema, Mapping):
            if name := self._word(schema):
                yield name
            for inner in schema.values():
                yield from self._chosen(inner)

    def _word(self, schema: Mapping[str, Any]) -> str:
        words = schema.get("enum")
        return self.words.get(tuple(words), "") if isinstance(words, list) else ""

    def _component(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.components[schema["$ref"].removeprefix(_REFERENCE)]
        return found

    def _kinds(self, names: Iterable[str]) -> Iterator[str]:
        """Words first: what is made of them stands below."""
        for name in sorted(names, key=lambda name: "enum" not in self.components[name]):
            component = self.components[name]
            if "enum" in component:
                yield f"{_kind_name(name)} = Literal[{', '.join(map(repr, component['enum']))}]"
            elif component.get("additionalProperties") is False:
                yield self._taken(name, component)
            else:
                yield self._given_back(name, component)

    def _given_back(self, name: str, component: Mapping[str, Any]) -> str:
        lines = ["@dataclass(frozen=True, slots=True)", f"class {name}:", _docstring(component, 4)]
        for field, schema in component["properties"].items():
            kind = self._kind(schema)
            if field not in component.get("required", ()) and not kind.endswith("None"):
                kind += " | None"
            lines.append(f"    {_argument(field)}: {kind}")
            if told := schema.get("description"):
                lines.append(_text(told, 4))
        return "\n".join(lines)

    def _taken(self, name: str, component: Mapping[str, Any]) -> str:
        lines = [f"class {name}(TypedDict):", _docstring(component, 4)]
        for field, schema in component["properties"].items():
            kind = self._kind(schema, given=True)
            must = field in component.get("required", ())
            lines.append(f"    {field}: {kind if must else f'NotRequired[{kind}]'}")
            if told := schema.get("description"):
                lines.append(_text(told, 4))
        return "\n".join(lines)

    def _kind(self, schema: Mapping[str, Any], *, given: bool = False) -> str:
        """The Python type of a schema. `given`: of an argument, which may be said in more ways."""
        if "$ref" in schema:
            return _kind_name(schema["$ref"].removeprefix(_REFERENCE))
        for word in ("allOf", "oneOf", "anyOf"):
            if word in schema:
                return self._one_of(schema[word], given)
        kinds = schema.get("type", "object")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        found = self._of_type(next(kind for kind in kinds if kind != "null"), schema, given)
        return f"{found} | None" if "null" in kinds else found

    def _one_of(self, schemas: Iterable[Mapping[str, Any]], given: bool) -> str:
        nothing = [schema for schema in schemas if _is_null(schema) or schema.get("$ref", "").endswith("/NullEnum")]
        kinds = {self._kind(schema, given=given) for schema in schemas if schema not in nothing}
        found = kinds.pop() if len(kinds) == 1 else "Any"
        return f"{found} | None" if nothing and found != "Any" else found

    def _of_type(self, kind: str, schema: Mapping[str, Any], given: bool) -> str:
        if name := self._word(schema):
            return _kind_name(name)
        if "enum" in schema:
            return f"Literal[{', '.join(map(repr, schema['enum']))}]"
        if kind == "array":
            inner = self._kind(schema["items"], given=given)
            return f"Sequence[{inner}]" if given else f"tuple[{inner}, ...]"
        if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
            return f"Mapping[str, {self._kind(schema['additionalProperties'], given=given)}]"
        found = _FORMATS.get(schema.get("format", ""), _SIMPLE[kind]) if kind == "string" else _SIMPLE[kind]
        return _GIVEN.get(found, found) if given else found

    def _methods(self, operation: Operation, group: str, prefix: str) -> Iterator[str]:
        if operation.answer(_FILE):
            yield from self._of_a_file(operation, group, prefix)
            return
        kind, is_page = self._answer(operation)
        wait, asynchronous = ("await ", "async ") if prefix else ("", "")
        arguments, passed = self._arguments(operation)
        name, call = _method(operation, group), f"_{operation.id}({passed})"
        if is_page:
            yield f"    def {name}(self{arguments}) -> {prefix}Listing[{kind}]:\n{_docstring(operation.told, 8)}"
            yield f"        return {prefix}Listing(self._sender, {call})\n"
        elif kind != "bytes":  # what gives a file alone has its form's name
            yield f"    {asynchronous}def {name}(self{arguments}) -> {kind}:\n{_docstring(operation.told, 8)}"
            yield f"        return {wait}self._sender.send({call})\n"
        for media, (ending, form, answer) in _OTHER_FORMS.items():
            if operation.answer(media):
                yield f"    {asynchronous}def {name}_{ending}(self{arguments}) -> {answer}:"
                yield _docstring(operation.told, 8)
                yield f"        return {wait}self._sender.send({form}({call}, {media!r}))\n"

    def _of_a_file(self, operation: Operation, group: str, prefix: str) -> Iterator[str]:
        wait, asynchronous = ("await ", "async ") if prefix else ("", "")
        arguments, passed = self._arguments(operation)
        yield f"    {asynchronous}def {_method(operation, group)}(self{arguments}) -> bytes:"
        yield _docstring(operation.told, 8)
        call = f"as_file(_{operation.id}({passed}), {_FILE!r})"
        yield f"        return {wait}self._sender.send({call})\n"

    def _call(self, operation: Operation, group: str) -> str:
        """What both clients send."""
        kind, _ = self._answer(operation)
        arguments, _ = self._arguments(operation)
        path = re.sub(r"\{\w+\}", "{}", operation.path)
        ids = [_argument(parameter["name"]) for parameter in operation.parameters("path")]
        where = f"at({', '.join([repr(path), *ids])})" if ids else repr(path)
        lines = [f"def _{operation.id}({arguments.removeprefix(', ')}) -> Call[{kind}]:", "    return Call("]
        lines += [f"        {operation.method!r}, {where}, {kind},"]
        if query := self._query(operation):
            lines.append(f"        query=given({_passed(query)}),")
        if operation.body is not None:
            lines.append(f"        body=given({_passed(self._component(operation.body['schema'])['properties'])}),")
        if operation.method == "POST":
            lines.append("        idempotency_key=idempotency_key,")
        return "\n".join([*lines, "    )"])

    def _answer(self, operation: Operation) -> tuple[str, bool]:
        """What comes back, and whether it is a page of it."""
        if operation.answer(_FILE):
            return "bytes", False
        schema = operation.answer()
        if schema is None:
            return "bytes" if any(map(operation.answer, _OTHER_FORMS)) else "None", False
        name = schema.get("$ref", "").removeprefix(_REFERENCE)
        if _is_page(name):
            return self._kind(self.components[name]["properties"]["data"]["items"]), True
        return self._kind(schema), False

    def _query(self, operation: Operation) -> list[str]:
        _, is_page = self._answer(operation)
        left_out = (_AFTER_A_PAGE if is_page else set()) | ({"format"} if operation.answer("text/csv") else set())
        return [one["name"] for one in operation.parameters("query") if one["name"] not in left_out]

    def _arguments(self, operation: Operation) -> tuple[str, str]:
        """As they are declared, and as they are passed on."""
        ids = [f"{_argument(parameter['name'])}: str" for parameter in operation.parameters("path")]
        must, may = self._named(operation)
        if operation.method == "POST":
            may.append("idempotency_key: str | None = None")
        named = ["*", *must, *may] if must or may else []
        passed = [_argument(parameter["name"]) for parameter in operation.parameters("path")]
        passed += [f"{name}={name}" for name in (argument.partition(":")[0] for argument in [*must, *may])]
        return "".join(f", {argument}" for argument in [*ids, *named]), ", ".join(passed)

    def _named(self, operation: Operation) -> tuple[list[str], list[str]]:
        must: list[str] = []
        may: list[str] = []
        taken: list[tuple[str, Mapping[str, Any], bool]] = []
        if operation.body is not None:
            body = self._component(operation.body["schema"])
            taken += [(name, schema, name in body.get("required", ())) for name, schema in body["properties"].items()]
        schemas = {one["name"]: one["schema"] for one in operation.parameters("query")}
        taken += [(name, schemas[name], False) for name in self._query(operation)]
        for name, schema, needed in taken:
            kind = self._kind(schema, given=True)
            (must if needed else may).append(f"{_argument(name)}: {kind}" + ("" if needed else _or_none(kind)))
        return must, may


_IMPORTS = """
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict
"""
_MACHINERY = """
from {up}calls import Call, as_file, as_text, at, given
from {up}sending import AsyncListing, AsyncSender, Listing, Sender
"""


def _or_none(kind: str) -> str:
    return " = None" if kind.endswith("None") else " | None = None"


def _passed(names: Iterable[str]) -> str:
    return ", ".join(f"{_argument(name)}={_argument(name)}" for name in names)


def _is_null(schema: Mapping[str, Any]) -> bool:
    return schema.get("enum") == [None] or schema.get("type") == "null"


def _is_page(name: str) -> bool:
    return name.endswith("Page")


def _name(tag: str) -> str:
    return tag.replace("-", "_")


def _title(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))


def _class(group: str) -> str:
    return f"{_title(group)}Group"


def _kind_name(component: str) -> str:
    return component.removesuffix("Enum")


def _argument(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _method(operation: Operation, group: str) -> str:
    """`create_invoice` of `/invoices` is `invoices.create`; whatever is about something else keeps its whole name."""
    verb, _, noun = operation.id.partition("_")
    own = noun in (group, group.removesuffix("s"), group.removesuffix("es"))
    return _argument(verb if own or not noun else operation.id)


def _docstring(told: Mapping[str, Any], indent: int) -> str:
    return _text(str(told.get("description", "")) or "As the API has it.", indent)


def _text(told: str, indent: int) -> str:
    """A docstring, wrapped."""
    space = " " * indent
    paragraphs = [" ".join(part.split()) for part in told.replace("\\", "").replace('"""', "'''").split("\n\n")]
    wrapped = [textwrap.wrap(part, _LINE - indent) for part in paragraphs if part]
    lines = [line for part in wrapped for line in [*part, ""]][:-1]
    closing = '"""' if len(lines) == 1 else f'\n{space}"""'
    body = "\n".join(f"{space}{line}" if line and number else line for number, line in enumerate(lines))
    quoted = f" {closing}" if body.endswith('"') and len(lines) == 1 else closing
    return f'{space}"""{body}{quoted}'
