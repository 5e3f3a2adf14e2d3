"""Compiles the models of this folder for a Cortex-M4, runs the generated C on a simulator over 500 handwritten digits, and says what it costs.

    python examples/mnist/demo.py [--target cortex-m4] [--goal size] [--output out/mnist]

It only calls the command line of tinyir, and prints each command, so that every line can be tried by hand.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np

HERE = Path(os.path.relpath(Path(__file__).parent))
MODELS = {
    "cnn_int8": "CNN, 5,258 parameters, int8",
    "mlp_int8": "MLP, 6,094 parameters, int8",
    "mlp": "MLP, 6,094 parameters, float32",
}
TINYIR = Path(sys.executable).with_name("tinyir")


@attrs.frozen
class Row:
    """What one model costs on the target, and how many of the digits it names rightly."""

    model: str
    accuracy: float
    figures: dict[str, int | None]
    proofs: dict[str, int]
    tools: str
    folder: Path


def tinyir(*words: str | Path) -> str:
    """Runs one command of tinyir and returns what it printed; its error message ends the demonstration."""
    command = [str(word) for word in words]
    print("$ tinyir " + " ".join(command), flush=True)
    outcome = subprocess.run([TINYIR, *command], stdout=subprocess.PIPE, text=True, check=False)
    if outcome.returncode:
        sys.exit(outcome.returncode)
    return outcome.stdout


def try_model(name: str, target: str, goal: str, output: Path, digits: np.ndarray) -> Row:
    folder = output / name
    model = HERE / f"{name}.onnx"
    tinyir("compile", model, "-t", target, "-o", folder, "--name", name, "--goal", goal, f"--print-after-all={folder / 'stages'}")
    measured = tinyir("run", folder, "-t", target, "--input", output / "x.npy", "--output", folder / "y.npy", "--json")
    report = json.loads(measured)
    answers = np.load(folder / "y.npy").reshape(len(digits), -1).argmax(axis=1)
    figures = {key: report[key] for key in ("instructions", "code_bytes", "weight_bytes", "flash_bytes", "ram_bytes")}
    tools = f"{report['toolchain']}; {report['simulator']}"
    return Row(name, float((answers == digits).mean()), figures, report["proofs"], tools, folder)


def print_table(rows: list[Row], target: str, count: int) -> None:
    print(f"\n{target}, {count} digits")
    print(f"{'':32}{'accuracy':>9}{'instructions':>14}{'code':>8}{'weights':>9}{'flash':>8}{'RAM':>8}   proofs")
    for row in rows:
        cells = "".join(f"{'-' if value is None else format(value, ','):>{width}}" for value, width in zip(row.figures.values(), (14, 8, 9, 8, 8), strict=True))
        proofs = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in row.proofs.items())
        print(f"{MODELS[row.model]:32}{row.accuracy:>9.1%}{cells}   {proofs}")
    print("bytes; instructions are those of one digit, the greatest over all; RAM holds the arena with input and output, and the stack")
    print(f"measured with {rows[0].tools}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compile the MNIST models and run them on a simulated microcontroller.")
    parser.add_argument("--target", default="cortex-m4")
    parser.add_argument("--goal", default="size", choices=("speed", "size", "ram"))
    parser.add_argument("--output", type=Path, default=Path("out/mnist"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with np.load(HERE / "digits.npz") as data:
        images, digits = data["x"], data["y"]
    np.save(arguments.output / "x.npy", images.astype(np.float32)[:, None] / np.float32(255))
    rows = [try_model(name, arguments.target, arguments.goal, arguments.output, digits) for name in MODELS]
    print_table(rows, arguments.target, len(digits))
    for row in rows:
        print(f"{row.model}: the C is in {row.folder}, the IR after every pass in {row.folder / 'stages'}")
        print(f"    every proof in one table: tinyir prove {HERE / row.model}.onnx -t {arguments.target}")


if __name__ == "__main__":
    main()
