"""The digits are read as scikit-learn reads them."""

import torch
from sklearn.datasets import load_digits

from ganforge.data.coloured_digits import COLOURS, ColouredDigits
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


def test_coloured_digits_are_held_out_in_every_colour() -> None:
    described = {"image_size": 8, "num_classes": 10, "batch_size": 4, "seed": 0, "flip": False}
    data, grey = ColouredDigits(0.5, channels=3, **described), Digits(0.5, channels=1, **described)
    data.load_splits()
    grey.load_splits()
    train, held_out, identities = data.train_split, data.held_out_split, data.held_out_identities
    assert identities is not None and train.labels is not None and held_out.labels is not None
    assert (len(train.images), len(held_out.images)) == (898, 8990)
    assert torch.equal(train.images.amax(1), grey.train_split.images[:, 0])
    assert torch.equal(held_out.images.amax(1), grey.held_out_split.images[identities, 0])
    assert len(set(zip(identities.tolist(), held_out.labels.tolist(), strict=True))) == 8990
    assert train.labels.bincount().min() == 89
    brightest = train.images.flatten(2).amax(2)
    for (name, colour), number in zip(COLOURS.items(), range(10), strict=True):
        of_colour = brightest[train.labels == number].float()
        expected = of_colour.amax(1, keepdim=True) * torch.tensor(colour) / 255
        assert torch.allclose(of_colour, expected, atol=0.5), name
        assert data.class_names[number] == name
