"""On every class of layers tinyir takes fewer instructions and fewer modelled cycles than CMSIS-NN's kernels, and docs/comparison.md says how many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.layer_classes import claims, compare, peer_layers, revisions

TOLERANCE = 1.02  # of the page's figures: what is claimed may be exceeded by so much
MODELS = tuple(dict.fromkeys(peer.model for peer in peer_layers()))


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "comparison.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", MODELS)
def test_every_layer_takes_less_than_the_kernels_and_no_more_than_the_page_says(
    model: str, page: str, request: pytest.FixtureRequest, require_tool: Callable[[str], str]
) -> None:
    require_tool("arm-none-eabi-gcc")
    require_tool("qemu-system-arm")
    corpus = request.getfixturevalue("corpus") if model.startswith("mlperf_") else Path()
    claimed = claims(page)
    for found in compare(model, corpus):
        peer = found.peer
        assert found.multiply_accumulates == peer.multiply_accumulates, peer.title
        assert 0 < found.instructions < peer.instructions, peer.title
        assert found.instructions < found.cycles < peer.cycles, peer.title
        _, _, instructions, cycles = claimed[peer.title]
        assert found.instructions <= instructions * TOLERANCE, peer.title
        assert found.cycles <= cycles * TOLERANCE, peer.title


def test_the_page_shows_what_is_recorded_of_the_kernels(page: str) -> None:
    assert {title: row[:2] for title, row in claims(page).items()} == {peer.title: [peer.instructions, peer.cycles] for peer in peer_layers()}
    assert all(f"`{kernel}` {revision}" in page for kernel, revision in revisions().items())


def test_every_class_is_there_with_kernels_whose_revision_is_known() -> None:
    kinds = {peer.kind for peer in peer_layers()}
    assert kinds == {"1x1", "3x3", "depthwise 3x3", "first layer", "fully connected", "average pool", "max pool", "add", "softmax"}
    assert {kernel for peer in peer_layers() for kernel in peer.kernels} == set(revisions())
