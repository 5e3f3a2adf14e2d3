"""The shipped models and digits: small, whole, and as accurate as they claim."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, run

import numpy as np
import onnx
import onnxruntime
import pytest

from examples.mnist.demo import MODELS

# Digits of the 500 that onnxruntime names rightly.
RIGHT = {"cnn_int8": 481, "mlp": 460, "mlp_int8": 460}


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    return repository / "examples" / "mnist"


def test_the_folder_holds_less_than_a_megabyte(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 2**20


def test_every_model_is_shown_by_the_demonstration(folder: Path) -> None:
    assert {path.stem for path in folder.glob("*.onnx")} == set(MODELS) == set(RIGHT)


@pytest.mark.parametrize("model", RIGHT)
def test_a_model_carries_no_path_of_the_machine_that_made_it(folder: Path, model: str) -> None:
    data = (folder / f"{model}.onnx").read_bytes()
    onnx.checker.check_model(onnx.load_from_string(data))
    assert not [word for word in (b"/home/", b"/root/", b"/usr/", b'File "') if word in data]


@pytest.mark.parametrize("model", RIGHT)
def test_onnxruntime_names_so_many_digits_rightly(folder: Path, model: str) -> None:
    with np.load(folder / "digits.npz") as data:
        images, digits = data["x"], data["y"]
    assert images.shape == (500, 28, 28)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # no int8 kernels, which differ between processors
    session = onnxruntime.InferenceSession(folder / f"{model}.onnx", options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    answers = [session.run(None, {name: (image / np.float32(255))[None, None]})[0].argmax() for image in images]
    assert int((np.array(answers) == digits).sum()) == RIGHT[model]


def test_the_demonstration_names_as_many_digits_rightly(repository: Path, tmp_path: Path, require_tool: Callable[[str], str]) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    words = [sys.executable, str(repository / "examples" / "mnist" / "demo.py"), "--output", str(tmp_path)]
    outcome = run(words, cwd=repository, stdout=PIPE, text=True, check=True)
    accuracies = re.findall(r"^(?:CNN|MLP), .*? (\d+\.\d)%", outcome.stdout, re.MULTILINE)
    assert accuracies == [f"{right / 5:.1f}" for right in (RIGHT["cnn_int8"], RIGHT["mlp_int8"], RIGHT["mlp"])]
    assert outcome.stdout.count(" 0 refuted, 0 unknown, 0 not attempted") == len(MODELS)
    for model in MODELS:
        assert (tmp_path / model / f"{model}.c").exists()
        assert list((tmp_path / model / "stages").glob("*_lower_to_c.tir"))
