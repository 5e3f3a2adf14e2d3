"""Tests of the toolchains, the simulators and the readers of sizes and stacks."""
