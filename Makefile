# make demo      compile the shipped MNIST models for a Cortex-M4 and run them on a simulator (needs Python >= 3.11 only)
# make install   .venv with tinyir, editable, and all its extras (torch among them)
# make test      install what the tests need and run them all
# make soak      the same tests, each with all its samples
# make check     types and style
# make measure   instructions, flash and RAM of the corpus models

CORPUS ?= $(or $(TINYIR_CORPUS),../shared/corpus)
GOAL ?= size
TARGETS ?= cortex-m4,rv32imc
JOBS ?= 2
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

.PHONY: demo install test soak check measure tools clean
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

measure: .venv/has-onnx,run
	$(BIN)/tinyir bench $(sort $(wildcard $(CORPUS)/mlperf_*/qdq.onnx examples/mnist/*.onnx)) -t $(TARGETS) --goal $(GOAL)

tools:
	@sh .ci/install_tools

.venv/has-%: pyproject.toml .ci/install_python
	@sh .ci/install_python '$*'
	@touch '$@'

clean:
	rm -rf .venv build out *.egg-info
