"""What changes a fingerprint, and what does not."""

import torch

from ganforge.metrics.fingerprint import fingerprint


def test_every_part_counts_with_its_type_shape_and_value() -> None:
    numbers = torch.arange(6)
    distinct = [
        (numbers,), (numbers.flip(0),), (numbers.view(2, 3),), (numbers.int(),), (numbers, "a"), (numbers, "b"),
        (numbers, 1), (numbers, "1"), ("a", numbers),
    ]  # fmt: skip
    assert len({fingerprint(*parts) for parts in distinct}) == len(distinct)
    assert all(len(fingerprint(*parts)) == 12 for parts in distinct)


def test_memory_layout_does_not_count() -> None:
    images = torch.randn(2, 3, 4, 4)
    assert fingerprint(images.to(memory_format=torch.channels_last)) == fingerprint(images)
