"""Files of all kinds: which reader takes them, and what is said of those that none takes."""

from pathlib import Path

import pytest

from tests.oracle.spoil import valid_model
from tinyir.frontend import import_model
from tinyir.ir.errors import TinyirError
from tinyir.text.printer import print_module


def test_a_module_in_text_is_read_at_its_level(tmp_path: Path) -> None:
    model, text = tmp_path / "net.onnx", tmp_path / "net.tir"
    model.write_bytes(valid_model().SerializeToString())
    module = import_model(model)
    text.write_text(print_module(module))
    assert print_module(import_model(text)) == print_module(module)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tflite", b"", "TensorFlow Lite models (.tflite) cannot be read yet"),
        ("a.onnx", b"\x1c\0\0\0TFL3" + bytes(9), "TensorFlow Lite models (.tflite) cannot be read yet"),
        ("a.onnx", b"PK\x03\x04" + bytes(9), "torch.export models (.pt2) cannot be read yet"),
        ("a.bin", b"abc", "is of no format that can be read"),
        ("a.tir", b"\xff\xfe", "is not UTF-8 text: byte 0"),
        ("a.onnx", b"", "the file is empty"),
    ],
)
def test_a_file_that_no_reader_takes_is_one_error(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TinyirError) as caught:
        import_model(path)
    (found,) = caught.value.diagnostics
    assert found.message == message
    assert str(found.place) == str(path)


def test_what_is_no_file_is_one_error(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "is not a file"), (tmp_path / "a.onnx", "cannot be read: No such file or directory")):
        with pytest.raises(TinyirError) as caught:
            import_model(path)
        assert [found.message for found in caught.value.diagnostics] == [message]


def test_a_device_is_not_read() -> None:
    with pytest.raises(TinyirError, match="is not a file"):
        import_model("/dev/zero")
