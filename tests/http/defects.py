"""Defective requests for every route, from the OpenAPI document: what can be wrong with each input."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

MERGE_PATCH = "application/merge-patch+json"

Blame = tuple[str, str] | None
"""What an answer must name: ("pointer", "/code"), ("parameter", "limit"), ("header", "If-Match") or ("line", "2")."""


@dataclass(frozen=True)
class Operation:
    """One route as the document describes it."""

    method: str
    path: str
    parameters: list[dict[str, Any]]
    body: dict[str, Any] | None
    """The schema of the body."""
    responses: frozenset[str]
    """The statuses that the document declares."""
    is_versioned: bool
    is_repeatable: bool
    text_type: str | None = None
    """The media type of a body that is a text, which has no schema."""
    is_form: bool = False
    """Takes a form with a file: what can be wrong with that is in test_files.py."""

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def content_type(self) -> str:
        if self.text_type:
            return self.text_type
        return MERGE_PATCH if self.method == "PATCH" else "application/json"


@dataclass(frozen=True)
class Defect:
    """A change to a request that would be answered with success."""

    operation: Operation
    name: str
    statuses: set[int]
    blame: Blame = None
    content: Callable[[dict[str, Any]], bytes] | None = None
    """Makes the body from that of the good request."""
    headers: dict[str, bytes | None] = field(default_factory=dict)
    """What to send instead; None for not at all."""
    path: dict[str, str] = field(default_factory=dict)
    query: str = ""

    def __str__(self) -> str:
        return f"{self.operation.route} {self.name}"


def operations(document: dict[str, Any]) -> list[Operation]:
    schemas = document["components"]["schemas"]
    return [
        Operation(
            method.upper(),
            path,
            operation.get("parameters") or [],
            None if _is_form(operation) else _resolved(operation, schemas),
            frozenset(operation["responses"]),
            "428" in operation["responses"],
            any(found["name"] == "Idempotency-Key" for found in operation.get("parameters") or []),
            _text_type(operation),
            _is_form(operation),
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if not path.startswith("/schema")
    ]


def _is_form(operation: dict[str, Any]) -> bool:
    return "multipart/form-data" in operation.get("requestBody", {}).get("content", {})


def _text_type(operation: dict[str, Any]) -> str | None:
    content = operation.get("requestBody", {}).get("content", {})
    return next((found for found in content if found.startswith("text/")), None)


def _resolved(operation: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {})
    if not content or _text_type(operation):
        return None
    (media,) = content.values()

    def resolve(node: Any) -> Any:
        match node:
            case {"$ref": str(reference)}:
                return resolve(schemas[reference.rpartition("/")[2]])
            case dict():
                return {key: resolve(item) for key, item in node.items()}
            case list():
                return [resolve(item) for item in node]
        return node

    resolved: dict[str, Any] = resolve(media["schema"])
    return resolved


def defects_of(operation: Operation) -> Iterator[Defect]:
    """Every defect that applies to a route."""
    yield from _of_parameters(operation)
    yield from _of_headers(operation)
    if operation.text_type:
        yield from _of_text_type(operation, operation.text_type)
    if operation.text_type == "text/csv":
        yield from _of_csv(operation)
    if operation.text_type == "text/plain":
        yield from _of_gift(operation)
    if operation.body is not None:
        yield from _of_encoding(operation)
        yield from _of_fields(operation, operation.body, ())


# Parameters

_INTEGERS = [
    "",
    "abc",
    "null",
    "1.0",
    "1e1",
    "true",
    "0x1",
    "%D9%A1",
    "1%00",
    "%FF",
    "99999999999999999999",
    "+1",
]
_BOOLEANS = ["", "null", "1", "TRUE", "yes", "true%00"]
_UUIDS = ["abc", "null", "NULL", "1", "%00", "0190a000-0000-7000-8000-00000000000g", "%FF", "%27%3B--"]
_TEXTS = ["%00", "%FF", "a%00b"]
_CURSORS = ["", "abc", "!" * 22, "A" * 23, "%C3%A9" * 22, "A" * 5000, "%00" * 22]


_GOOD = {
    "limit": "5",
    "offset": "0",
    "count": "true",
    "week_number": "1",
    "role": "student",
    "state": "active",
    "name": "a",
    "email": "a",
}
"""A value of each parameter that is no id."""


def _of_parameters(operation: Operation) -> Iterator[Defect]:
    queries = [parameter for parameter in operation.parameters if parameter["in"] == "query"]
    for parameter in operation.parameters:
        if parameter["in"] == "header":
            # Headers have defects of their own, below.
            continue
        name = parameter["name"]
        for value in _bad_values(parameter):
            where = {"path": {name: value}} if parameter["in"] == "path" else {"query": f"{name}={value}"}
            # An undecodable query is blamed as a whole.
            blamed = "query" if "%FF" in value and parameter["in"] == "query" else name
            yield Defect(operation, f"{name}={value[:40]}", {422}, ("parameter", blamed), **where)
    for parameter in queries:
        name = parameter["name"]
        good = _GOOD.get(name, "0190a000-0000-7000-8000-000000000000")
        twice = f"{name}={good}&{name}={good}"
        if name != "cursor":
            yield Defect(operation, f"{name} twice", {422}, ("parameter", name), query=twice)
    for name in ("nonsense", "Limit", "data", "request", "limit%00", "__proto__"):
        printable = name.replace("%00", "\\0")
        yield Defect(operation, f"?{name}", {422}, ("parameter", printable), query=f"{name}=1")
    yield Defect(operation, "a query that is no UTF-8", {422}, ("parameter", "query"), query="%FF=%FE")


def _bad_values(parameter: dict[str, Any]) -> list[str]:
    kind, _ = _kind_of(parameter["schema"])
    is_query = parameter["in"] == "query"
    if kind.get("format") == "uuid":
        return [*_UUIDS, *([""] if is_query else [])]
    if "enum" in kind:
        return [
            "",
            "nonsense",
            kind["enum"][0].upper(),
            f"{kind['enum'][0]}%20",
            "%00",
            "%FF",
            "null",
            "Null",
        ]
    if kind["type"] == "boolean":
        return _BOOLEANS
    if kind["type"] == "integer":
        bounds = [str(int(kind["minimum"]) - 1), str(int(kind["maximum"]) + 1)]
        return [value for value in _INTEGERS if value or is_query] + bounds
    if parameter["name"] == "cursor":
        return _CURSORS
    return [*_TEXTS, *([""] if kind.get("minLength") else []), "x" * (kind["maxLength"] + 1)]


def _kind_of(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """What a value is if it is not null, and whether it may be null."""
    if "oneOf" in schema:
        (kind,) = [found for found in schema["oneOf"] if found.get("type") != "null"]
        bounds = {name: value for name, value in schema.items() if name not in ("oneOf", "description")}
        return {**bounds, **kind}, len(schema["oneOf"]) > 1
    if isinstance(schema.get("type"), list):
        (plain,) = [name for name in schema["type"] if name != "null"]
        return {
            **schema,
            "type": plain,
            "enum": [value for value in schema["enum"] if value is not None],
        }, True
    return schema, False


# Headers

_ETAGS = [
    b"1",
    b"",
    b'""',
    b'"0"',
    b'"abc"',
    b'W/"1"',
    b'"1", "1"',
    b'"99999999999"',
    b'"1.xyz"',
    b'"-1"',
    b"\xff",
]
_KEYS = [b"", b"a b", b"k" * 201, b"\xc3\xbc"]


def _of_headers(operation: Operation) -> Iterator[Defect]:
    if operation.is_versioned:
        yield Defect(operation, "without If-Match", {428}, ("header", "If-Match"), headers={"If-Match": None})
        for tag in _ETAGS:
            yield Defect(
                operation, f"If-Match {tag!r}", {422}, ("header", "If-Match"), headers={"If-Match": tag}
            )
    if operation.is_repeatable:
        for key in _KEYS:
            blame = ("header", "Idempotency-Key")
            yield Defect(
                operation, f"Idempotency-Key {key[:9]!r}", {422}, blame, headers={"Idempotency-Key": key}
            )


# The encoding of a body

_TYPES: list[bytes | None] = [
    None,
    b"text/plain",
    b"application/xml",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
    b"application/json; charset=utf-16",
    b"application/json; charset=latin-1",
    b"application/jsonp",
    b"",
]


def _of_encoding(operation: Operation) -> Iterator[Defect]:
    media_types = [*_TYPES, *([] if operation.method == "PATCH" else [MERGE_PATCH.encode()])]
    for media_type in media_types:
        blame = ("header", "Content-Type")
        yield Defect(operation, f"as {media_type!r}", {415}, blame, headers={"Content-Type": media_type})

    def sent(name: str, content: bytes, statuses: set[int], blame: Blame = ("pointer", "")) -> Defect:
        return Defect(operation, name, statuses, blame, content=lambda _: content)

    for name, content in MALFORMED.items():
        yield sent(name, content, {400})
    for text in ("null", "[]", '"text"', "1", "true", "", " "):
        yield sent(f"the body {text!r}", text.encode(), {400, 422})
    yield sent("11,000 keys, each twice", MANY_KEYS, {400}, ("pointer", "/0"))
    yield sent("too large", b'{"x": "' + b"x" * 300_000 + b'"}', {413}, None)
    yield Defect(operation, "a BOM", {400}, ("pointer", ""), lambda good: b"\xef\xbb\xbf" + encoded(good))
    yield Defect(operation, "two documents", {400}, ("pointer", ""), lambda good: encoded(good) * 2)
    yield Defect(
        operation, "in UTF-16", {400}, ("pointer", ""), lambda good: json.dumps(good).encode("utf-16")
    )
    yield Defect(
        operation, "a trailing comma", {400}, ("pointer", ""), lambda good: encoded(good)[:-1] + b",}"
    )
    yield Defect(
        operation, "a comment", {400}, ("pointer", ""), lambda good: b"/* nothing */" + encoded(good)
    )


def _of_text_type(operation: Operation, taken: str) -> Iterator[Defect]:
    near = [taken.encode() + more for more in (b"; charset=utf-16", b"; charset=latin-1", b"x")]
    others = [
        found for found in _TYPES if found is None or (b"json;" not in found and found != taken.encode())
    ]
    for media_type in (*others, b"application/json", *near):
        blame = ("header", "Content-Type")
        yield Defect(operation, f"as {media_type!r}", {415}, blame, headers={"Content-Type": media_type})


def _of_gift(operation: Operation) -> Iterator[Defect]:
    """What can be wrong with a text of questions: see tests/gift for all of it."""
    yield Defect(operation, "too large", {413}, content=lambda _: b"//" + b"x" * 262_144)
    for name, content in MALFORMED_TEXTS.items():
        yield Defect(operation, name, {422}, ("line", "1"), lambda _, content=content: content)  # type: ignore[misc]


MALFORMED_TEXTS = {
    "empty": b"",
    "a BOM alone": b"\xef\xbb\xbf",
    "only a comment": b"// nothing\n",
    "only a category": b"$CATEGORY: top/one\n",
    "only a description": b"Read chapter 3.\n",
    "no UTF-8": b"caf\xe9 {T}\n",
    "UTF-16": "Green? {T}".encode("utf-16"),
    "NUL": b"\0" * 1_000,
    "JSON": b'{"title": "New"}',
    "an open brace": b"Green? {=leaf ~sky",
    "two hundred and one in one line": b"{} " * 201,
    "weights": b"Green? {=leaf ~%50%moss ~sky}\n",
    "a quarter of a million braces": b"{" * 250_000,
    "a quarter of a million marks": b"{" + b"=" * 250_000 + b"}",
    "a quarter of a million hashes": b"{" + b"#" * 250_000 + b"}",
    "a quarter of a million backslashes": b"\\" * 250_000,
    "a number of a quarter of a million digits": b"{#" + b"1" * 250_000 + b"}",
}


def _of_csv(operation: Operation) -> Iterator[Defect]:
    """What can be wrong with a file whatever its lines say: see tests/http/test_imports.py for those."""

    def sent(name: str, content: bytes, statuses: set[int], blame: Blame) -> Defect:
        return Defect(operation, name, statuses, blame, content=lambda _: content)

    header = b"email,full_name,state\r\n"
    yield sent("too large", header + b"x" * 4_194_304, {413}, None)
    yield sent("too many lines", header + b"a,b,c\n" * 10_001, {422}, ("line", "10002"))
    for name, content in MALFORMED_FILES.items():
        yield sent(name, content, {422}, ("line", "1"))
    for name, line in MALFORMED_LINES.items():
        yield sent(name, header + line, {422}, ("line", "2"))


MALFORMED_FILES = {
    "empty": b"",
    "a BOM alone": b"\xef\xbb\xbf",
    "without a header": b"a@school.example,A,active\r\n",
    "an unknown column": b"email,full_name,state,role\r\n",
    "a missing column": b"email,state\r\n",
    "a column twice": b"email,full_name,state,email\r\n",
    "a column in capitals": b"Email,full_name,state\r\n",
    "a column that is no UTF-8": b"email,full_name,st\xff\r\n",
    "semicolons": b"email;full_name;state\r\n",
    "UTF-16": "email,full_name,state\r\n".encode("utf-16"),
    "JSON": b'{"email": "a@school.example"}',
    "an open quotation mark": b'"email,full_name,state\r\n',
    "NUL": b"\0" * 1_000,
    "one line of a million commas": b"," * 1_000_000,
    "one cell of a megabyte": b"x" * 1_000_000,
}
"""What is no file of ours from its first line on."""

MALFORMED_LINES = {
    "one cell": b"a@school.example\r\n",
    "a million cells": b"," * 1_000_000,
    "an open quotation mark in a line": b'"a@school.example,A,active\r\n' * 9_000,
    "text behind a quotation mark": b'"a@school.example"x,A,active\r\n',
    "no UTF-8 in a line": b"a@school.example,\xff,invited\r\n",
    "overlong UTF-8 in a line": b"a@school.example,\xc0\x80,invited\r\n",
    "a surrogate in UTF-8 in a line": b"a@school.example,\xed\xa0\x80,invited\r\n",
    "NUL in a line": b"a@school.example,A\0B,invited\r\n",
    "NUL in an address": b"a\0@school.example,A,invited\r\n",
    "a line break in a name": b'a@school.example,"A\r\nBcc: b@school.example",invited\r\n',
    "an address of 100,000 characters": b"a" * 100_000 + b"@school.example,A,invited\r\n",
}
"""What is no line of ours, the first behind the header."""


MALFORMED = {
    "no UTF-8": b'{"code": "\xff"}',
    "overlong UTF-8": b'{"code": "\xc0\x80"}',
    "a surrogate in UTF-8": b'{"code": "\xed\xa0\x80"}',
    "cut off": b'{"code": "A',
    "a control character": b'{"code": "A\nB"}',
    "a bad escape": rb'{"code": "\x41"}',
    "single quotes": b"{'code': 'A'}",
    "a bare word": b"{code: 1}",
    "an octal number": b'{"code": 01}',
    "a plus": b'{"code": +1}',
    "depth 33": b"[" * 33 + b"]" * 33,
    "depth 1,000": b'{"code":' * 1_000 + b"1" + b"}" * 1_000,
    "depth 100,000": b"[" * 100_000 + b"]" * 100_000,
    "depth 250,000, never closed": b"[" * 250_000,
    # Each of these takes minutes where it is read in quadratic time: the client does not wait so long.
    "a string of escaped quotes, never closed": b'"' + rb"\"" * 130_000,
    "the same, cut off in an escape": b'"' + rb"\"" * 130_000 + b"\\",
    "a number of 250,000 digits and an exponent": b"1" * 250_000 + b"e",
}
"""What is no JSON within our bounds, whatever the route."""

MANY_KEYS = b"{" + b",".join(b'"%x":1' % (number % 11_000) for number in range(22_000)) + b"}"
"""Each of 11,000 keys twice."""


# The fields of a body

_WRONG: dict[str, list[Any]] = {
    "string": [1, 1.5, True, [], {}, ["A"]],
    "integer": ["1", 1.0, True, [], {}, 1e2, 2**31, -(2**31) - 1, 2**63 - 1, -1, 0],
    "number": ["1", True, [], {}, "NaN"],
    "uuid": ["abc", "", 1, True, [], {}, "0190a000-0000-7000-8000-00000000000g"],
    "date": [
        "2026-02-31",
        "2026-13-01",
        "yesterday",
        "",
        1,
        0.5,
        True,
        [],
        "0000-01-01",
        "10000-01-01",
        "infinity",
    ],
    "date-time": [
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:01Z",
        "2026-01-01T00:00:00+24:00",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-10:00",
        "1700000000",
        1_700_000_000,
        "now",
        "infinity",
        "",
        True,
        [],
    ],
    "array": [{}, "text", 1, True, [1], [None], [[]]],
    "boolean": ["true", "", 0, 1, [], {}],
    "object": [[], "text", "", 1, True, [{}]],
    "enum": ["", "nonsense", "DRAFT", 1, True, [], {}],
}
WRONG_BY_NAME: dict[str, list[Any]] = {
    "email": [
        "no address",
        "@school.example",
        "somebody@",
        "some body@school.example",
        "some@body@school.example",
        "Some Body <somebody@school.example>",
        "somebody@school.example, other@school.example",
        '"some body"@school.example',
        "somebody@localhost",
        "somebody@school",
        "somebody@[127.0.0.1]",
        "somebody@school..example",
        "somebody@-school.example",
        "somebody@school_1.example",
        "somebody@xn--school.example",
        "some..body@school.example",
        "some\nbody@school.example",
        "some\u200bbody@school.example",
        "somebody@" + "x" * 64 + ".example",
        "somebody@school.invalid",
    ],
    "language": ["", "english", "e", "EN", "en_GB", "en-gb", "de-AT-1996", "en-", "-en", "en\n", "\u0435n"],
    "timezone": ["", "CEST", "Europe", "europe/berlin", "Mars/Olympus", "../UTC", "UTC\n", "+01:00"],
    "url": [
        "",
        "school.example",
        "//school.example/",
        "ftp://school.example/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "http:school.example",
        "http://",
        "https:///path",
        "https://teacher:secret@school.example/",
        "https://school.example/\nx",
        "https://school.example:99999/",
        "https://school example/",
        "https://school.example/" + "\u00e9" * 400,
    ],
}
"""What the type and format of the document do not say yet, by the name of the field."""

_RAW = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "1e400": b"1e400",
    "-1e400": b"-1e400",
    "5,000 digits": b"9" * 5_000,
    "a whole number that no float holds": b"9" * 309,
    "NUL": rb'"a\u0000b"',
    "a lone surrogate": rb'"a\ud800b"',
    "a surrogate pair the wrong way round": rb'"\udc00\ud800"',
    "a NUL in a key": rb'{"a\u0000": 1}',
    "a lone surrogate in a key": rb'{"\udfff": 1}',
}

_BEYOND_64_BITS = 10**308
"""No field takes it, and no query may get it as an integer."""


def _of_fields(operation: Operation, schema: dict[str, Any], path: tuple[str | int, ...]) -> Iterator[Defect]:
    """What can be wrong with each field of an object, and of the objects in it."""

    def defect(name: str, value: Any, at: str, *, missing: bool = False) -> Defect:
        blame = ("pointer", pointer((*path, at)))
        return Defect(
            operation,
            f"{blame[1]} {name}"[:90],
            {422},
            blame,
            content=lambda good: encoded(with_value(good, (*path, at), value, missing=missing)),
        )

    for unknown in ("nonsense", "__proto__", "Code", ""):
        yield defect("unknown", 1, unknown)
    for name, declared in schema["properties"].items():
        kind, nullable = _kind_of(declared)
        if not nullable:
            yield defect("null", None, name)
        if name in schema.get("required", ()):
            yield defect("missing", None, name, missing=True)
        # To a login whatever is no address is one that nobody has.
        more = [] if operation.route == "POST /auth/login" else WRONG_BY_NAME.get(name, [])
        for value in [*_wrong_values(kind), _BEYOND_64_BITS, *more]:
            yield defect(json.dumps(value), value, name)
        here = (*path, name)
        yield from _of_raw_values(operation, here)
        if kind.get("type") == "array" and "properties" in kind["items"]:
            yield from _of_fields(operation, kind["items"], (*here, 0))
        if "properties" in kind:
            yield from _of_fields(operation, kind, here)
        elif kind.get("type") == "object" and operation.method != "PATCH":
            # Whatever is in it, it is JSON within our bounds, and not too much of it.
            yield from _of_raw_values(operation, (*here, "anything"))
            yield Defect(
                operation,
                f"{pointer(here)} depth 33",
                {400},
                ("pointer", ""),
                with_raw(here, b'{"a":' * 32 + b"1" + b"}" * 32),
            )
            yield defect("of 17 KiB", {"anything": "x" * 17_000}, name)


def _of_raw_values(operation: Operation, here: tuple[str | int, ...]) -> Iterator[Defect]:
    for name, raw in (*_RAW.items(), ("twice", b"1, %s: 2" % encoded(here[-1]))):
        place = pointer(here)
        yield Defect(operation, f"{place} {name}", {400}, ("pointer", place), with_raw(here, raw))


def _wrong_values(kind: dict[str, Any]) -> list[Any]:
    if "enum" in kind:
        return _WRONG["enum"]
    if kind.get("format") in _WRONG:
        return _WRONG[kind["format"]]
    values = list(_WRONG[kind["type"]])
    if kind["type"] == "string" and "maxLength" in kind:
        values.append("x" * (kind["maxLength"] + 1))
    if kind["type"] == "string" and kind.get("minLength"):
        values.append("")
    if kind["type"] == "string" and "pattern" in kind:
        values += ["", "lower", "A" * 33, "A B", "A\n", "-A", "\u0130"]
    if kind["type"] == "integer":
        values += [int(kind["minimum"]) - 1, int(kind["maximum"]) + 1]
    if kind["type"] == "number":
        values += [kind["minimum"] - 0.0001, kind["maximum"] + 0.0001]
    return values


def pointer(path: tuple[str | int, ...]) -> str:
    return "".join(f"/{step}" for step in path)


def with_raw(path: tuple[str | int, ...], raw: bytes) -> Callable[[Any], bytes]:
    """Makes a body with these bytes in one place, which no encoder would write."""
    return lambda good: encoded(with_value(good, path, "\u2603")).replace(b'"\\u2603"', raw)


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def with_value(good: Any, path: tuple[str | int, ...], value: Any, *, missing: bool = False) -> Any:
    """The document with another value in one place, or with nothing there."""
    changed = json.loads(json.dumps(good))
    place = changed
    for step in path[:-1]:
        place = place[step]
    if missing:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed
