"""Models whose weights lie in another file: outside the folder, missing, too short."""

from collections.abc import Mapping

import onnx
from onnx import TensorProto

from tests.oracle.spoil import CULPRIT, HUGE, HostileFile, on_tensor, spoiled, valid_model


def external_data() -> list[HostileFile]:
    size = 4 * 2 * 9 * 4  # bytes of the tensor `bad`

    def external(name: str, entries: Mapping[str, str], beside: Mapping[str, bytes] | None = None, links: Mapping[str, str] | None = None) -> HostileFile:
        def change(tensor: onnx.TensorProto) -> None:
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=value)

        return spoiled(name, on_tensor("w", change), CULPRIT, valid_model, beside, links)

    data = {"weights.bin": bytes(size)}
    return [
        external("external_outside_the_folder", {"location": "../../etc/passwd"}),
        external("external_outside_and_back", {"location": "sub/../../model/weights.bin"}, data),
        external("external_in_the_parent_that_exists", {"location": "../secret.bin"}, {"../secret.bin": bytes(size)}),
        external("external_absolute", {"location": "/etc/passwd"}),
        external("external_absolute_windows", {"location": "C:\\Windows\\win.ini"}),
        external("external_url", {"location": "file:///etc/passwd"}),
        external("external_link_outside", {"location": "weights.bin"}, {"../secret.bin": bytes(size)}, {"weights.bin": "../secret.bin"}),
        external("external_device", {"location": "weights.bin"}, None, {"weights.bin": "/dev/zero"}),
        external("external_missing", {"location": "missing.bin"}),
        external("external_a_folder", {"location": "."}),
        external("external_the_model_itself_beyond_its_end", {"location": "model.onnx", "offset": "100000"}),
        external("external_without_location", {"offset": "0"}, data),
        external("external_empty_location", {"location": ""}, data),
        external("external_location_with_a_zero_byte", {"location": "weights.bin\0.txt"}, data),
        external("external_too_short", {"location": "weights.bin"}, {"weights.bin": bytes(size - 4)}),
        external("external_offset_beyond_the_end", {"location": "weights.bin", "offset": "4096"}, data),
        external("external_offset_negative", {"location": "weights.bin", "offset": "-4"}, data),
        external("external_offset_that_is_no_number", {"location": "weights.bin", "offset": "four"}, data),
        external("external_length_too_short", {"location": "weights.bin", "length": str(size - 4)}, data),
        external("external_length_beyond_the_end", {"location": "weights.bin", "length": str(2 * size)}, data),
        external("external_length_2_to_the_40", {"location": "weights.bin", "length": str(HUGE)}, data),
    ]
