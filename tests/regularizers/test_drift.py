"""The square of the logits of real images, in the discriminator's turn alone."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from ganforge.configuration.build import build
from ganforge.interfaces import Verdict
from ganforge.regularizers.drift import Drift

from ..conftest import TINY
from ..product import QUICK


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_mean_square_of_logits_of_real_images(dtype: torch.dtype) -> None:
    logits = torch.tensor([[1.0, -2.0], [0.0, 300.0]], dtype=dtype, requires_grad=True)
    turn: Any = SimpleNamespace(real=lambda: Verdict(logits, logits))
    term = Drift(0.5).discriminator(turn)
    assert term.dtype == torch.float32
    assert term.item() == pytest.approx(0.5 * (1 + 4 + 90_000) / 4)
    assert Drift(0.5).generator(turn) is None
    term.backward()
    assert torch.allclose(logits.grad, 0.25 * logits.detach())


def test_it_is_a_term_of_the_discriminator(composed: Callable[..., DictConfig]) -> None:
    run = build(composed(*TINY["mlp"], *QUICK, "loss=wgan_gp", "regularizer=drift", "images=20"))
    run.fit()
    terms = {name for name in run.system.progress.latest if name.endswith("/drift")}
    assert terms == {"discriminator/drift"}
    assert run.system.regularizers["drift"].weight == 0.001
