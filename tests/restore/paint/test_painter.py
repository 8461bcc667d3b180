"""Batches of one size: filled up, halved where memory is short, and results for each item in order."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import torch

from restore.errors import DeviceError
from restore.paint.painter import BatchSize, alike


class Network:
    """Doubles numbers, notes its batches, and has memory for so many items at once."""

    def __init__(self, memory: int = 99) -> None:
        self.memory = memory
        self.batches: list[list[int]] = []

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        if len(items) > self.memory:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [2 * item for item in items]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], []),
        ([1], [[1, 1, 1, 1]]),
        ([1, 2, 3, 4], [[1, 2, 3, 4]]),
        ([1, 2, 3, 4, 5, 6], [[1, 2, 3, 4], [5, 6, 6, 6]]),
    ],
)
def test_the_last_batch_is_filled_up_with_its_last_item(items: list[int], expected: list[list[int]]) -> None:
    network = Network()
    assert BatchSize(4).run(network, items) == [2 * item for item in items]
    assert network.batches == expected


def test_short_of_memory_the_size_is_halved_and_stays_so(caplog: pytest.LogCaptureFixture) -> None:
    network, batches = Network(memory=3), BatchSize(8, "cuda:1")
    with caplog.at_level(logging.WARNING):
        assert batches.run(network, [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert [len(batch) for batch in network.batches] == [8, 4, 2, 2, 2]
    assert network.batches[2:] == [[1, 2], [3, 4], [5, 5]]
    assert batches.size == 2
    assert "out of memory on cuda:1: continuing with batches of 2" in caplog.text
    assert batches.run(network, [7]) == [14]
    assert network.batches[-1] == [7, 7]


def test_what_is_done_is_not_done_again() -> None:
    """Memory may become short in the middle, as when another program takes it."""
    network, batches = Network(), BatchSize(2)

    def work(items: list[int]) -> list[int]:
        network.memory = 99 if items[0] == 1 else 1
        return network(items)

    assert batches.run(work, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert network.batches == [[1, 2], [3, 4], [3], [4]]


def test_no_memory_for_one_item_is_a_device_error() -> None:
    network, batches = Network(memory=0), BatchSize(4, "cuda:0")
    with pytest.raises(DeviceError, match="cuda:0 has no memory left for one picture"):
        batches.run(network, [1, 2])
    assert [len(batch) for batch in network.batches] == [4, 2, 1]


@pytest.mark.parametrize("error", [ValueError, RuntimeError])
def test_other_errors_come_out_and_leave_the_size(error: type[Exception]) -> None:
    batches = BatchSize(4)

    def work(_items: list[int]) -> list[int]:
        raise error("broken")

    with pytest.raises(error, match="broken"):
        batches.run(work, [1])
    assert batches.size == 4


def test_work_that_looks_at_the_size_is_tried_again_with_half_of_it() -> None:
    batches = BatchSize(8)
    tried: list[int] = []

    def work() -> str:
        tried.append(batches.size)
        if batches.size > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    assert batches.retry(work) == "done"
    assert tried == [8, 4, 2]


@pytest.mark.parametrize(
    ("items", "expected"),
    [([], []), (["a", "bb", "c", "dd", "e"], [[0, 2, 4], [1, 3]]), (["aaa", "b"], [[1], [0]])],
)
def test_items_of_one_shape_come_together_in_order(items: list[str], expected: list[list[int]]) -> None:
    shape: Callable[[str], tuple[int, ...]] = lambda item: (len(item),)  # noqa: E731
    assert list(alike(items, shape)) == expected
