# make demo      compile the shipped MNIST models for a Cortex-M4 and run them on a simulator (needs Python >= 3.11 only)
# make install   .venv with tinyir, editable, and all its extras (torch among them)
# make test      install what the tests need and run them all
# make soak      the same tests, each with all its samples
# make check     types and style
# make compare   layers by class, beside what CMSIS-NN's kernels take for the same shapes (the table of docs/comparison.md)
# make measure   arena, code, flash, RAM, instructions and proofs of the corpus models (TARGETS=cortex-m4,rv32imc)

CORPUS ?= $(or $(TINYIR_CORPUS),../shared/corpus)
TARGETS ?= cortex-m4
JOBS ?= 2
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

.PHONY: demo install test soak check compare measure tools clean
.DELETE_ON_ERROR:

demo: .venv/has-onnx,run
	$(BIN)/python examples/mnist/demo.py

install: .venv/has-all

test: tools .venv/has-onnx,run,dev
	$(PYTEST)

soak: tools .venv/has-onnx,run,dev
	TINYIR_SOAK=1 $(PYTEST)

check: .venv/has-onnx,run,dev
	$(BIN)/python -m mypy
	$(BIN)/python -m ruff check

compare: .venv/has-onnx,run
	$(BIN)/python -m tests.bench.layer_classes '$(CORPUS)'

measure: .venv/has-onnx,run
	$(BIN)/python -m tests.bench.measure_models '$(CORPUS)' '$(TARGETS)'

tools:
	@sh .ci/install_tools

.venv/has-%: pyproject.toml .ci/install_python
	@sh .ci/install_python '$*'
	@touch '$@'

clean:
	rm -rf .venv build out *.egg-info
