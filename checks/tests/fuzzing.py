"""Malformed requests to a region's HTTP port, and a judge of its answers.

`run(host, port, seed, count)` may be pointed at any region. About half of the requests are made from the RDS
model and broken in one or two places; the rest are broken below it: JSON, signatures, HTTP itself. The same
seed makes the same requests.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from botocore.model import ServiceModel
from botocore.serialize import create_serializer

from answers import ANSWER_SECONDS, Case, complaint, send, split_answer
from aurora_lab.region.api.models import service_model
from shapes import full_value

REGION = "us-west-2"
FORM = "application/x-www-form-urlencoded; charset=utf-8"

WRONG_SCALARS = (
    "", " ", "abc", "-1", "0", "1e400", "NaN", "9" * 400, "9" * 5000, str(2**31), str(2**63), "\uff19\uff19",
    "true", "null", "[]", "{}", "\x00", "a\x00b", "\x01\x1b[0m", "<a>&\"'", "]]>", "../../etc/passwd", "%s%n%d",
    "'; drop table t; --", "\u202e", "\ud7ff\ufffe", "a" * 70, "a" * 64 + "!", "-a-", "a--b", "2030-13-45T99:99:99Z",
    "arn:aws:rds:us-west-2:123456789012:cluster:none", "arn:::::", ":", "a" * 300, "é" * 64, "9999-12-31T23:59:59Z",
)  # fmt: skip


@dataclass(slots=True)
class Report:
    """What came of a run."""

    seed: int
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    """Complete requests that got no answer; each is among the complaints."""
    cut_off: int = 0
    """Incomplete requests whose connection was closed without one."""
    complaints: list[str] = field(default_factory=list)


def authorization(service: str = "rds", region: str = REGION) -> str:
    """A header that names Region and service; the region does not check signatures."""
    return (
        f"AWS4-HMAC-SHA256 Credential=AURORALABDUMMYKEY/20300101/{region}/{service}/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
    )


def http(
    body: bytes = b"", *, method: str = "POST", target: str = "/", version: str = "1.1", **headers: str | None
) -> bytes:
    """An HTTP request. A header given as None is left out; `_` in a name stands for a hyphen."""
    given: dict[str, str | None] = {
        "Host": "127.0.0.1",
        "Content-Type": FORM,
        "Content-Length": str(len(body)),
        "Authorization": authorization(),
        "User-Agent": "fuzz",
    }
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {target} HTTP/{version}"]
    lines += [f"{name}: {value}" for name, value in given.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def form(fields: Iterable[tuple[str, str]]) -> bytes:
    """Form fields, duplicates and all."""
    return "&".join(
        f"{quote_plus(k, errors='surrogatepass')}={quote_plus(v, errors='surrogatepass')}" for k, v in fields
    ).encode()


# Requests made from the RDS model.


def _fields(model: ServiceModel, name: str, rng: random.Random) -> list[tuple[str, str]]:
    operation = model.operation_model(name)
    shape = operation.input_shape
    given = full_value(shape, rng) if shape else {}
    if shape and rng.random() < 0.7:  # few parameters: the one that is broken decides
        few = set(shape.required_members) | set(rng.sample(list(given), min(2, len(given))))
        given = {key: value for key, value in given.items() if key in few}
    body = create_serializer("query", include_validation=False).serialize_to_request(given, operation)["body"]
    return [(key, str(value)) for key, value in body.items()]


def _at(fields: list[tuple[str, str]], rng: random.Random) -> int:
    return rng.randrange(2, len(fields)) if len(fields) > 2 else 0


def _missing(fields: list[tuple[str, str]], rng: random.Random) -> None:
    del fields[_at(fields, rng)]


def _wrong_value(fields: list[tuple[str, str]], rng: random.Random) -> None:
    at = _at(fields, rng)
    fields[at] = (fields[at][0], rng.choice(WRONG_SCALARS))


def _huge_value(fields: list[tuple[str, str]], rng: random.Random) -> None:
    at = _at(fields, rng)
    fields[at] = (fields[at][0], rng.choice("a-9é") * rng.choice([2_000, 5_000, 20_000, 200_000, 1_100_000]))


def _duplicate(fields: list[tuple[str, str]], rng: random.Random) -> None:
    name, value = fields[_at(fields, rng)]
    fields.insert(rng.randrange(len(fields)), (name, rng.choice([value, "other"])))


def _deep(fields: list[tuple[str, str]], rng: random.Random) -> None:
    at = _at(fields, rng)
    name, value = fields[at]
    more = rng.choice([".a", ".1", ".member.1", ".", ".entry.1.key"]) * rng.choice([1, 3, 50, 5000])
    fields[at] = (name + more, value)


def _bad_list(fields: list[tuple[str, str]], rng: random.Random) -> None:
    name = rng.choice(["Tags", "Filters", "VpcSecurityGroupIds", "Parameters", fields[_at(fields, rng)][0]])
    position = rng.choice(["0", "-1", "999999999", "9" * 30, "x", "01", "1.5", "", "\u0661", "1e3"])
    item = rng.choice(["member", "Tag", "Filter", "", "Item"])
    fields.append((f"{name}.{item}.{position}{rng.choice(['', '.Key', '.Name', '.Values.Value.1'])}", "x"))


def _many(fields: list[tuple[str, str]], rng: random.Random) -> None:
    fields += [(f"Tags.member.{n}.Key", "k") for n in range(1, rng.choice([60, 60, 60, 3000, 12_000]))]


def _scalar_for_structure(fields: list[tuple[str, str]], rng: random.Random) -> None:
    at = _at(fields, rng)
    fields[at] = (fields[at][0].split(".")[0], rng.choice(["x", "", "1"]))


def _unknown(fields: list[tuple[str, str]], rng: random.Random) -> None:
    fields.append((rng.choice(["Nothing", "", ".", "..", "Action.1", "a" * 5000, "\x00"]), "x"))


def _paging(fields: list[tuple[str, str]], rng: random.Random) -> None:
    fields[:] = [f for f in fields if f[0] not in ("Marker", "MaxRecords")]
    fields.append(("MaxRecords", rng.choice(["0", "19", "20", "101", "-5", "many", "", "2147483648"])))
    fields.append(("Marker", rng.choice(["", "x", "AAAA", "====", "é", "A" * 341, "MDoxOg=="])))


def _other_action(fields: list[tuple[str, str]], rng: random.Random) -> None:
    fields[0] = (
        "Action",
        rng.choice(["", "Describe", "__init__", "describe_db_clusters", "é", "A" * 9000, "a\nb"]),
    )


def _other_version(fields: list[tuple[str, str]], rng: random.Random) -> None:
    fields[1] = rng.choice(
        [("Version", ""), ("Version", "2014-09-01"), ("Version", "\x00"), ("NoVersion", "x")]
    )


def _truncated_fields(fields: list[tuple[str, str]], rng: random.Random) -> None:
    del fields[rng.randrange(len(fields)) :]


BREAKS: Sequence[Callable[[list[tuple[str, str]], random.Random], None]] = (
    _missing, _missing, _wrong_value, _wrong_value, _wrong_value, _wrong_value, _huge_value, _duplicate, _deep,
    _bad_list, _bad_list, _many, _scalar_for_structure, _unknown, _paging, _other_action, _other_version,
    _truncated_fields,
)  # fmt: skip


def from_model(rng: random.Random, operations: Sequence[str] | None = None) -> Case:
    """A request to an RDS operation, broken in one or two places."""
    model = service_model("rds")
    name = rng.choice(operations or model.operation_names)
    fields = _fields(model, name, rng)
    breaks = rng.sample(BREAKS, rng.choice([1, 1, 2]))
    for each in breaks:
        if len(fields) >= 2:
            each(fields, rng)
    what = f"{name}: {', '.join(each.__name__.strip('_') for each in breaks)}"
    if rng.random() < 0.1:
        query = form(fields).decode()
        if len(query) < 100_000:
            return Case(what + " (GET)", http(method="GET", target="/?" + query))
    return Case(what, http(form(fields)))


# Requests broken below the model.


def _broken_encoding(rng: random.Random) -> Case:
    start = b"Action=DescribeDBClusters&Version=2014-10-31&DBClusterIdentifier="
    tail = rng.choice(
        [b"%ff%fe", b"\xff\xfe", b"%", b"%zz", b"%C3", b"%ED%A0%80", b"&&&==&=", b"%00", b"+%2B+"]
    )
    kind = rng.choice([FORM, "application/x-www-form-urlencoded; charset=utf-16", "text/plain", "", "x\x80y"])
    return Case("encoding", http(start + tail, Content_Type=kind))


def _broken_json(rng: random.Random) -> Case:
    body = rng.choice([
        b"", b"{", b"null", b"[]", b"1", b'"x"', b"{}" * 3, b"[" * 100_000, b'{"a":' * 20_000, b"\xff", b"NaN",
        b'{"ServiceNamespace": "\\ud800"}', b'{"ServiceNamespace": ["rds"]}', b'{"MaxResults": 1e999}',
        b'{"MaxResults": ' + b"9" * 6000 + b"}", b'{"ServiceNamespace": null}', b'{"ServiceNamespace": {"a": 1}}',
    ])  # fmt: skip
    target = rng.choice([
        "AnyScaleFrontendService.DescribeScalableTargets", "AnyScaleFrontendService.", ".", "X.Y", "a" * 3000,
        "AnyScaleFrontendService.RegisterScalableTarget", "AnyScaleFrontendService.PutScalingPolicy",
    ])  # fmt: skip
    service = rng.choice(
        ["application-autoscaling", "application-autoscaling", "rds", "dynamodb", "nothing", "dsql"]
    )
    return Case(
        "json",
        http(
            body,
            target="/cluster" if service == "dsql" else "/",
            Content_Type="application/x-amz-json-1.1",
            X_Amz_Target=target,
            Authorization=authorization(service),
        ),
    )


def _broken_signature(rng: random.Random) -> Case:
    good = authorization()
    header = rng.choice([
        None, "", " ", "Basic eDp5", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=", good[: rng.randrange(120)],
        good.replace("/", "", 1), good.replace("rds", "../rds"), good.replace("rds", ""), good.replace(REGION, "mars"),
        good.replace("aws4_request", "x"), good.replace(",", ""), "AWS key:signature", good * 50, "Bearer \xff",
    ])  # fmt: skip
    target = rng.choice(
        ["/", "/", "/?X-Amz-Credential=a/b/c", "/?X-Amz-Credential=%ff", "/?X-Amz-Algorithm=x"]
    )
    return Case(
        "signature",
        http(b"Action=DescribeDBClusters&Version=2014-10-31", Authorization=header, target=target),
    )


def _broken_request_line(rng: random.Random) -> Case:
    line = rng.choice([
        b"GET / HTTP/1.1", b"GET  / HTTP/1.1", b"GET /", b"GET", b"\x00", b"get / HTTP/1.1", b"PUT / HTTP/9.9",
        b"GET http://[ HTTP/1.1", b"GET //evil HTTP/1.1", b"GET /%zz%ff HTTP/1.1", b"OPTIONS * HTTP/1.1",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1", b"DELETE /cluster/x HTTP/1.1", b"TRACE / HTTP/1.1",
        b"GET http://h/?a HTTP/1.1", b"GET / HTTP/1.1 x", b"PATCH / HTTP/1.0", b"GET /\xff\xfe HTTP/1.1",
    ])  # fmt: skip
    headers = b"Host: x\r\nAuthorization: " + authorization(rng.choice(["rds", "dsql", "none"])).encode()
    return Case("request line", line + b"\r\n" + headers + b"\r\n\r\n")


def _broken_header(rng: random.Random) -> Case:
    bad = rng.choice([
        b"NoColon", b": empty", b"Na me: x", b"X: a\x00b", b" folded: x", b"Content-Length: 5", b"Content-Length: x",
        b"Content-Length: -1", b"Content-Length: " + b"9" * 5000, b"Transfer-Encoding: gzip", b"X-Y: z\rQ: w",
        b"Transfer-Encoding: x, chunked", b"X: " + b"y" * 300_000, b"X: \xff\xfe", b"Host: a\r\nHost: b",
        b"Expect: 200-maybe", b"Content-Encoding: gzip",
        b"Connection: \x7f", b"X" * 5000 + b": y", b"Content-Type: multipart/form-data; boundary=",
    ])  # fmt: skip
    body = b"Action=DescribeDBClusters&Version=2014-10-31"
    head, _, _ = http(body).partition(b"\r\n\r\n")
    return Case("header", head + b"\r\n" + bad + b"\r\n\r\n" + body, whole=False)


def _wrong_length(rng: random.Random) -> Case:
    body = b"Action=DescribeDBClusters&Version=2014-10-31"
    length = rng.choice([len(body) + 1, len(body) + 10_000, 10**9, 10**12, len(body) - 1, 3, 0])
    return Case("content length", http(body, Content_Length=str(length)), whole=False)


def _truncated(rng: random.Random) -> Case:
    data = http(b"Action=DescribeDBClusters&Version=2014-10-31&X=" + b"y" * 2000)
    return Case("truncated", data[: rng.randrange(1, len(data))], whole=False)


def _chunks(rng: random.Random) -> Case:
    good = b"2c\r\nAction=DescribeDBClusters&Version=2014-10-31\r\n0\r\n\r\n"
    body = rng.choice([
        good, b"zz\r\n", b"-1\r\n\r\n", b"ffffffffffffffff\r\n", good[:20], b"2c;x=" + b"y" * 70_000 + b"\r\n",
        b"2c\n" + good[4:], b"1\r\nAA\r\n0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"",
    ])  # fmt: skip
    return Case("chunks", http(Content_Length=None, Transfer_Encoding="chunked") + body, whole=body is good)


def _random_bytes(rng: random.Random) -> Case:
    data = rng.randbytes(rng.choice([1, 20, 500, 5000]))
    if rng.random() < 0.5:
        data += b"\r\n\r\n"
    return Case("random bytes", data, whole=False)


def _flipped(rng: random.Random) -> Case:
    data = bytearray(http(b"Action=DescribeDBClusters&Version=2014-10-31&MaxRecords=20"))
    for _ in range(rng.randint(1, 6)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return Case("flipped bytes", bytes(data), whole=False)


def _head(rng: random.Random) -> Case:
    return Case("HEAD", http(method="HEAD", target=rng.choice(["/", "/x", "/?Action=a"])), head=True)


def _page(rng: random.Random) -> Case:
    return Case(
        "web page",
        http(b"Action=DescribeDBClusters&Version=2014-10-31", Origin=rng.choice(["null", "http://x"])),
    )


RAW = (
    _broken_encoding, _broken_json, _broken_signature, _broken_request_line, _broken_header, _wrong_length, _truncated,
    _chunks, _random_bytes, _flipped, _head, _page,
)  # fmt: skip


def cases(seed: int, count: int, operations: Sequence[str] | None = None) -> Iterator[Case]:
    """The requests of a seed. `operations` confines those that are made from the model."""
    rng = random.Random(seed)
    for _ in range(count):
        yield from_model(rng, operations) if rng.random() < 0.6 else rng.choice(RAW)(rng)


def run(host: str, port: int, seed: int, count: int, operations: Sequence[str] | None = None) -> Report:
    """Send the requests of a seed one after another and judge every answer."""
    report = Report(seed)
    for number, case in enumerate(cases(seed, count, operations)):
        try:
            data = send(host, port, case)
            wrong = complaint(case, data)
            if data and wrong is None:
                report.statuses[split_answer(data)[0]] += 1
            report.unanswered += not data and case.whole
            report.cut_off += not data and not case.whole
        except TimeoutError:
            wrong = f"no answer within {ANSWER_SECONDS:g} s"
        except OSError as error:
            wrong = f"cannot be reached: {error}"
        report.sent += 1
        if wrong:
            report.complaints.append(
                f"request {number} of seed {seed} ({case.what}): {wrong}\n  {case.data[:400]!r}"
            )
    return report
