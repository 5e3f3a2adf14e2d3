"""Makes the models of this folder again: a CNN and a 6,094-parameter MLP, each in float and in int8.

    pip install 'tinyir[train]'
    python examples/mnist/train.py MNIST.npz -o FOLDER

MNIST.npz holds x_train, y_train, x_test and y_test: images of 28 x 28 pixels from 0 to 255, and their digits.
The float models are exported by torch.onnx; onnxruntime quantizes them with int8 weights per output channel and int8 activations.
The same seed and versions give the same models.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

EPOCHS = 40
BATCH = 32
CALIBRATION_IMAGES = 500


def mlp() -> nn.Sequential:
    """196 averaged pixels -> 26 -> 26 -> 10: 6,094 parameters."""
    head = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(196, 26), nn.ReLU())
    return nn.Sequential(*head, nn.Linear(26, 26), nn.ReLU(), nn.Linear(26, 10))


def cnn() -> nn.Sequential:
    """Two convolutions of 3 x 3, each with its maximum pool, and one linear layer: 5,258 parameters."""
    head = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(*head, nn.Flatten(), nn.Linear(400, 10))


def as_images(pixels: np.ndarray) -> Tensor:
    """uint8 [n, 28, 28] from 0 to 255 -> float32 [n, 1, 28, 28] from 0 to 1."""
    return torch.from_numpy(pixels.astype(np.float32)[:, None] / np.float32(255))


def shifted(images: Tensor) -> Tensor:
    """The whole batch moved by up to one pixel each way: more digits from few."""
    down, right = (int(step) for step in torch.randint(-1, 2, (2,)))
    return torch.roll(images, (down, right), (2, 3))


def train(model: nn.Sequential, images: Tensor, digits: Tensor) -> nn.Sequential:
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-5)
    batches = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=EPOCHS * batches)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images))[: batches * BATCH].view(batches, BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(shifted(images[batch])), digits[batch]).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def export(model: nn.Sequential, path: Path) -> None:
    program = torch.onnx.export(model, (torch.zeros(1, 1, 28, 28),), dynamo=True, input_names=["x"], output_names=["y"], verbose=False)
    proto = program.model_proto
    for node in proto.graph.node:  # the exporter notes for each node where in whose Python it came from
        del node.metadata_props[:]
    onnx.save(proto, path)


class CalibrationImages:
    """One image per call, as onnxruntime's calibration asks for them."""

    def __init__(self, images: np.ndarray) -> None:
        self._images: Iterator[np.ndarray] = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._images, None)
        return None if image is None else {"x": image[None]}


def quantize(source: Path, target: Path, images: np.ndarray) -> None:
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    calibration = CalibrationImages(images[:CALIBRATION_IMAGES])
    quantization.quantize_static(prepared, target, calibration, per_channel=True, op_types_to_quantize=["Conv", "Relu", "MaxPool", "Gemm"])
    prepared.unlink()


def accuracy(path: Path, images: np.ndarray, digits: np.ndarray) -> float:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    scores = np.concatenate([session.run(None, {name: image[None]})[0] for image in images])
    return float((scores.argmax(axis=1) == digits).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the MNIST examples and export them to ONNX, float and int8.")
    parser.add_argument("data", type=Path, help="npz with x_train, y_train, x_test, y_test")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/mnist"), help="folder for the models")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with np.load(arguments.data) as data:
        images, digits = as_images(data["x_train"]), torch.from_numpy(data["y_train"].astype(np.int64))
        test_images, test_digits = as_images(data["x_test"]).numpy(), data["y_test"]
    torch.set_num_threads(1)  # sums of a fixed order, whatever the machine
    for name, build in {"mlp": mlp, "cnn": cnn}.items():
        torch.manual_seed(arguments.seed)
        paths = [arguments.output / f"{name}.onnx", arguments.output / f"{name}_int8.onnx"]
        export(train(build(), images, digits), paths[0])
        quantize(paths[0], paths[1], images.numpy())
        for path in paths:
            print(f"{path}: {path.stat().st_size} bytes, accuracy {accuracy(path, test_images, test_digits):.3f}", flush=True)


if __name__ == "__main__":
    main()
