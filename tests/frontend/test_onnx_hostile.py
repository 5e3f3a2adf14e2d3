"""Hostile models: each is refused with one error that names the culprit, at once and without taking memory.

The exact texts stand in tests/bad/onnx.txt; TINYIR_BLESS=1 writes them anew.
"""

import os
import tracemalloc
from pathlib import Path

import pytest

from tests.oracle.hostile import hostile_files
from tests.oracle.spoil import HostileFile, serialized, valid_model, valid_quantized_model
from tinyir.frontend import import_onnx
from tinyir.ir.errors import TinyirError

CASES = hostile_files()
_GREATEST_MEMORY_BYTES = 32 << 20


def refusal(case: HostileFile, folder: Path) -> TinyirError:
    with pytest.raises(TinyirError) as caught:
        import_onnx(case.write(folder), file="model.onnx")
    return caught.value


def expected_texts(repository: Path) -> dict[str, str]:
    """Case -> its error, from paragraphs of the form `== case`, then the text."""
    paragraphs = (repository / "tests" / "bad" / "onnx.txt").read_text().split("== ")[1:]
    return {name: text.rstrip("\n") for name, _, text in (paragraph.partition("\n") for paragraph in paragraphs)}


@pytest.fixture(scope="module", autouse=True)
def _bless(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    if os.environ.get("TINYIR_BLESS") != "1":
        return
    texts = [f"== {case.name}\n{refusal(case, tmp_path_factory.mktemp('bless'))}\n" for case in CASES]
    (repository / "tests" / "bad" / "onnx.txt").write_text("\n".join(texts))


def test_the_models_that_are_spoiled_are_imported() -> None:
    for model in (valid_model(), valid_quantized_model()):
        import_onnx(serialized(model))


def test_the_list_of_expected_texts_is_complete(repository: Path) -> None:
    assert list(expected_texts(repository)) == [case.name for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_refused_with_the_expected_text(case: HostileFile, tmp_path: Path, repository: Path) -> None:
    error = refusal(case, tmp_path)
    assert len(error.diagnostics) == 1
    assert f"'{case.culprit}'" in str(error) or not case.culprit
    assert str(error) == expected_texts(repository)[case.name]


def test_no_hostile_file_takes_memory(tmp_path: Path) -> None:
    import_onnx(serialized(valid_model()))  # whatever is loaded once
    for place, case in enumerate(CASES):
        path = case.write(tmp_path / str(place))
        tracemalloc.start()
        with pytest.raises(TinyirError):
            import_onnx(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < _GREATEST_MEMORY_BYTES, case.name
