from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_lab.region.rds.parameter_formulas import FormulaError, Host, evaluate, is_formula

GIB = 1 << 30
LARGE = Host(memory=16 * GIB, vcpus=2)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("LEAST({DBInstanceClassMemory/9531392},5000)", 1802),
        ("least({DBInstanceClassMemory/9531392}, 5000)", 1802),
        ("GREATEST(${DBInstanceVCPU*2},8)", 8),
        ("SUM({DBInstanceClassMemory/12038},-50003)", 16 * GIB // 12038 - 50003),
        ("GREATEST({log(DBInstanceClassMemory/21474836480)*600},200)", 200),
        ("{DBInstanceClassMemory/32768}", 524288),
        ("{(1+2)*3-4/2}", 7),
        ("{log(8)}", 3),
        ("{EndPointPort}", 5432),
        ("LEAST(GREATEST(1,2),3)", 2),
    ],
)
def test_what_a_formula_gives(formula: str, value: int) -> None:
    assert is_formula(formula)
    assert evaluate(formula, LARGE) == value


def test_the_largest_class_reaches_the_ceiling() -> None:
    assert evaluate("LEAST({DBInstanceClassMemory/9531392},5000)", Host(1024 * GIB, 128)) == 5000


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "{",
        "}",
        "{}",
        "LEAST(",
        "LEAST()",
        "{1/0}",
        "{log(0)}",
        "{log(-1)}",
        "{1}{2}",
        "{Memory}",
        "LEAST({1},)",
        "{1e5}",
        "__import__('os')",
        "(" * 10_000,
        "{" + "9" * 400 + "}",
        "{1;2}",
    ],
)
def test_what_is_no_formula(wrong: str) -> None:
    with pytest.raises(FormulaError):
        evaluate(wrong, LARGE)


def test_a_plain_value_is_no_formula() -> None:
    assert not is_formula("8192")
    assert not is_formula("least")


@given(st.text(alphabet="{}()+-*/,$0123456789.LEASTGRUMlogDBInstanceClassMemory ", max_size=60))
def test_any_text_gives_a_number_or_a_formula_error(text: str) -> None:
    with suppress(FormulaError):
        assert isinstance(evaluate(text, LARGE), int)
