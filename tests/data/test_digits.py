"""The digits are read as scikit-learn reads them."""

import torch
from sklearn.datasets import load_digits

from ganforge.data.digits import Digits
from ganforge.data.module import held_out_order


def test_digits_are_those_of_scikit_learn() -> None:
    digits = Digits(held_out=0.5, image_size=8, channels=1, num_classes=10, batch_size=64, seed=0, flip=False)
    digits.load_splits()
    pixels, labels = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
    order = held_out_order(1797, 0.5)
    expected = (pixels[order].view(-1, 1, 8, 8) * 255 / 16).round().byte()
    assert torch.equal(torch.cat([digits.train_split.images, digits.held_out_split.images]), expected)
    train, held_out = digits.train_split.labels, digits.held_out_split.labels
    assert train is not None and held_out is not None
    assert torch.equal(torch.cat([train, held_out]), labels[order])
