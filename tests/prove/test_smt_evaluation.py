"""Formulas of SMT-LIB evaluated in Python's numbers, as z3 evaluates them."""

from fractions import Fraction

import pytest

from tinyir.prove.smt_evaluation import NotEvaluatedError, are_met
from tinyir.prove.z3_solver import Solver

INTEGERS = (("a", "Int"), ("b", "Int"), ("|%c d|", "Int"))
FORMULAS = (
    "(< a b 7)",
    "(= (+ a b (- 3)) (- b 4))",
    "(= (div a 4) (- 2))",
    "(= (div a (- 4)) 2)",
    "(= (mod a (- 4)) 1)",
    "(= (mod a 4) 1)",
    "(let ((n (* a b)) (m (- a))) (and (> n (- 100)) (not (= m 0))))",
    "(let ((a b)) (let ((c (+ a 1))) (>= c 0)))",
    "(ite (< a 0) (distinct a b |%c d|) false)",
    "(xor (> a 0) (> b 0) (= |%c d| 11))",
    "(or false (>= (abs a) 7))",
    "(distinct a b a)",
)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("a", [-7, -8, 0, 5])
def test_integers_are_as_z3_has_them(formula: str, a: int) -> None:
    values = {"a": a, "b": 6, "%c d": 11}
    script = "".join(f"(declare-const {name} {sort})" for name, sort in INTEGERS)
    script += f"(assert (and (= a (- {-a})) (= b 6) (= |%c d| 11)))" if a < 0 else f"(assert (and (= a {a}) (= b 6) (= |%c d| 11)))"
    expected = Solver().solve(f"{script}(assert {formula})", "QF_NIA", 10**6).state == "sat"
    assert are_met((formula,), INTEGERS, values) == expected


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("(= ((_ sign_extend 32) x) (bvadd (_ bv18446744073709551613 64) ((_ sign_extend 32) x)))", False),
        ("(= (bvmul x x) (_ bv9 32))", True),
        ("(bvsle (bvneg x) (_ bv3 32))", True),
        ("(= (bvashr x (_ bv1 32)) (bvsub x (_ bv4294967295 32)))", True),
        ("(= (bvashr x x) (_ bv4294967295 32))", True),
        ("(= ((_ extract 7 4) x) (_ bv15 4))", True),
        ("(= (ite (bvsge x (_ bv0 32)) x (bvneg x)) (_ bv3 32))", True),
    ],
)
def test_bit_vectors_are_as_z3_has_them(formula: str, expected: bool) -> None:
    script = f"(declare-const x (_ BitVec 32))(assert (= x (_ bv4294967293 32)))(assert {formula})"
    assert (Solver().solve(script, "QF_BV", 10**6).state == "sat") == expected
    assert are_met((formula,), (("x", "(_ BitVec 32)"),), {"x": -3}) == expected


def test_reals_are_exact() -> None:
    third = {"x": Fraction(1, 3)}
    assert are_met(("(= (* 3.0 x) 1.0)", "(< (/ 1.0 4.0) x)"), (("x", "Real"),), third)
    assert not are_met(("(= (* 3.0 x) 1.5)",), (("x", "Real"),), third)


def test_all_assertions_must_hold_and_absent_values_are_0() -> None:
    assert are_met(("(= a 0)", "(= b 1)"), INTEGERS, {"b": 1})
    assert not are_met(("(= a 0)", "(= b 2)"), INTEGERS, {"b": 1})


def test_quantifiers_and_other_names_are_not_evaluated() -> None:
    for formula in ("(exists ((n Int)) (= n a))", "(= a nothing)", "(= (mod a 0) 0)", "(= (/ 1.0 0.0) 0.0)", "(= ((_ rotate_left 1) a) a)"):
        with pytest.raises(NotEvaluatedError):
            are_met((formula,), INTEGERS, {})
