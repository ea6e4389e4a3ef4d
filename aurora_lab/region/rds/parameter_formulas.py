"""The formulas that a parameter's value may be, as `LEAST({DBInstanceClassMemory/9531392},5000)`.

    formula  = function "(" formula {"," formula} ")" | "{" sum "}" | "$" "{" sum "}" | number
    function = LEAST | GREATEST | SUM
    sum      = product {("+" | "-") product}
    product  = factor {("*" | "/") factor}
    factor   = number | variable | "(" sum ")" | "log" "(" sum ")"

`log` is the logarithm to base 2. The result is cut to a whole number: that is what the parameters need.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

VARIABLES = frozenset({"DBInstanceClassMemory", "DBInstanceVCPU", "EndPointPort"})
FUNCTIONS: Mapping[str, Callable[[list[float]], float]] = {"LEAST": min, "GREATEST": max, "SUM": sum}

TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|[A-Za-z]+|[-+*/(){},$])")


class FormulaError(ValueError):
    """Not a formula."""


@dataclass(frozen=True, slots=True)
class Host:
    """What a formula can ask of the host that an instance runs on."""

    memory: int
    """In bytes."""
    vcpus: int
    port: int = 5432


ANY_HOST = Host(memory=1 << 34, vcpus=2)
"""To find out whether a formula can be computed at all."""


def is_formula(value: str) -> bool:
    """Whether `value` is meant as a formula and not as a plain value."""
    return "{" in value or any(value.upper().startswith(f"{name}(") for name in FUNCTIONS)


def evaluate(formula: str, host: Host) -> int:
    """The whole number that `formula` gives on `host`. Raises FormulaError."""
    parser = _Parser(_tokens(formula), host)
    try:
        result = parser.formula()
        parser.end()
        return math.floor(result)
    except (ZeroDivisionError, OverflowError, RecursionError, ValueError) as error:
        raise FormulaError(f"cannot compute {formula}") from error


def _tokens(formula: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = formula.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise FormulaError(f"cannot read {formula}")
        tokens.append(match[1])
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str], host: Host) -> None:
        self._tokens = tokens
        self._next = 0
        self._values: Mapping[str, float] = {
            "DBInstanceClassMemory": host.memory,
            "DBInstanceVCPU": host.vcpus,
            "EndPointPort": host.port,
        }

    def formula(self) -> float:
        token = self._take()
        if token.upper() in FUNCTIONS:
            self._expect("(")
            arguments = [self.formula()]
            while self._peek() == ",":
                self._take()
                arguments.append(self.formula())
            self._expect(")")
            return FUNCTIONS[token.upper()](arguments)
        if token == "$":
            self._expect("{")
            token = "{"
        if token == "{":
            value = self._sum()
            self._expect("}")
            return value
        return -self.formula() if token == "-" else _number(token)

    def end(self) -> None:
        if self._peek() is not None:
            raise FormulaError(f"did not expect {self._peek()}")

    def _sum(self) -> float:
        value = self._product()
        while self._peek() in ("+", "-"):
            value = value + self._product() if self._take() == "+" else value - self._product()
        return value

    def _product(self) -> float:
        value = self._factor()
        while self._peek() in ("*", "/"):
            value = value * self._factor() if self._take() == "*" else value / self._factor()
        return value

    def _factor(self) -> float:
        token = self._take()
        if token == "log":
            self._expect("(")
            value = math.log2(self._sum())
            self._expect(")")
            return value
        if token == "(":
            value = self._sum()
            self._expect(")")
            return value
        if token in VARIABLES:
            return self._values[token]
        return _number(token)

    def _peek(self) -> str | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self) -> str:
        token = self._peek()
        if token is None:
            raise FormulaError("the formula ends too early")
        self._next += 1
        return token

    def _expect(self, wanted: str) -> None:
        token = self._take()
        if token != wanted:
            raise FormulaError(f"expected {wanted}, found {token}")


def _number(token: str) -> float:
    try:
        return float(token)
    except ValueError:
        raise FormulaError(f"did not expect {token}") from None
