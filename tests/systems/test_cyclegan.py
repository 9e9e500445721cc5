"""Translation without pairs, by hand: both directions, cycles, identities, and the pool of fakes."""

import random
from typing import Any

import pytest
import torch
from lightning import Trainer
from torch import Tensor, nn

from ganforge.interfaces import Batch, Verdict
from ganforge.losses.adversarial import LeastSquares
from ganforge.losses.game import Game
from ganforge.systems.cyclegan import CycleGAN
from ganforge.systems.pool import ImagePool


class Times(nn.Module):
    """Images times a weight."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        return self.factor * images


class Judging(Times):
    """The same as logits for every pixel."""

    def forward(self, images: Tensor, label: Tensor | None = None) -> Verdict:
        return Verdict(super().forward(images), images)


A, B = torch.rand(4, 1, 3, 3) * 2 - 1, torch.rand(4, 1, 3, 3) * 2 - 1
BATCH = Batch(B, sources=A)
TO_B, TO_A, OF_B, OF_A = 2.0, 3.0, 5.0, 7.0
"""The factors of the four networks."""


def translator(**options: Any) -> CycleGAN:
    settings = {"cycle": 10.0, "identity": 5.0, "pool_size": 0, "image_size": 3, "channels": 1, "source_channels": 1}
    system = CycleGAN(
        generator=Times(TO_B),
        backward_generator=Times(TO_A),
        discriminator=Judging(OF_B),
        backward_discriminator=Judging(OF_A),
        game=Game(LeastSquares()),
        optimizers=dict.fromkeys(CycleGAN.players, torch.optim.SGD),
        seed=0,
        **settings | options,
    )
    system.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    return system


def close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    assert found.keys() == expected.keys()
    return all(torch.allclose(found[name], expected[name]) for name in found)


def test_generators_minimise_both_directions() -> None:
    system = translator()
    expected = {
        "adversarial_b": (OF_B * TO_B * A - 1).square().mean(),
        "adversarial_a": (OF_A * TO_A * B - 1).square().mean(),
        "cycle_a": 10 * (TO_A * TO_B * A - A).abs().mean(),
        "cycle_b": 10 * (TO_B * TO_A * B - B).abs().mean(),
        "identity_b": 5 * (TO_B * B - B).abs().mean(),
        "identity_a": 5 * (TO_A * A - A).abs().mean(),
    }
    half = LeastSquares().generator(lambda: B, torch.zeros(1)).item()  # the loss may have a factor of its own
    for domain in "ab":
        expected[f"adversarial_{domain}"] *= half
    assert close(system.generator_terms(BATCH, system.draw(BATCH)), expected)


def test_discriminators_compare_within_their_domain() -> None:
    system, loss = translator(), LeastSquares()
    expected = {
        "adversarial_a": loss.discriminator(OF_A * A, OF_A * TO_A * B),
        "adversarial_b": loss.discriminator(OF_B * B, OF_B * TO_B * A),
    }
    assert close(system.discriminator_terms(BATCH, system.draw(BATCH)), expected)


def test_without_identity_there_is_no_such_term() -> None:
    system = translator(identity=0.0, source_channels=3)
    names = system.generator_terms(BATCH, system.draw(BATCH)).keys()
    assert not [name for name in names if name.startswith("identity")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source_channels": 3}, "the domains have 3 and 1 channels. Use system.identity=0"),
        ({"cycle": -1.0}, "must not be negative"),
        ({"pool_size": -1}, "the pool cannot hold -1 images"),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        translator(**options)


def test_a_sampler_for_each_direction() -> None:
    system = translator()
    assert system.sampler().network is system.averaged["b"]
    assert system.sampler("live").network is system.generator["b"]
    assert system.sampler_of("a", "live").network is system.generator["a"]
    assert system.finished() == {"generator": system.averaged["b"], "backward_generator": system.averaged["a"]}


def test_pictures_go_there_and_back() -> None:
    pictures = translator().pictures(BATCH)
    assert torch.allclose(pictures["samples"], torch.stack([A, TO_B * A, TO_A * TO_B * A]))
    assert torch.allclose(pictures["b_to_a"], torch.stack([B, TO_A * B, TO_B * TO_A * B]))


def test_compiling_a_team_compiles_its_members(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda module, **_: compiled.append(module))
    system = translator()
    system.generator.compile(mode="default")
    assert compiled == [system.generator["a"], system.generator["b"]]


def fakes(first: int, count: int) -> Tensor:
    return torch.arange(first, first + count).float()[:, None, None, None]


def test_a_pool_that_is_not_full_gives_back_what_it_is_given() -> None:
    pool = ImagePool(5, (1, 1, 1))
    assert torch.equal(pool(fakes(0, 3)), fakes(0, 3))
    assert torch.equal(pool(fakes(3, 2)), fakes(3, 2))
    assert torch.equal(pool.images, fakes(0, 5))


def test_a_full_pool_exchanges_half_of_the_fakes_for_stored_ones() -> None:
    """Nothing is lost and nothing comes twice: each image ever given is stored, or has come out once."""
    pool = ImagePool(50, (1, 1, 1))
    pool(fakes(0, 50))
    given, out = fakes(50, 4000), []
    for batch in given.split(8):
        out.append(pool(batch))
    came = torch.cat(out).flatten()
    old = (came != given.flatten()).float().mean().item()
    assert old == pytest.approx(0.5, abs=4 * (0.25 / 4000) ** 0.5)
    everything = torch.cat([came, pool.images.flatten()]).sort().values
    assert torch.equal(everything, torch.arange(4050.0))
    waited = [place + 50 - came[place].item() for place in range(1000, 4000) if came[place] != given.flatten()[place]]
    assert sum(waited) / len(waited) == pytest.approx(100, rel=0.1), "each of 50 is exchanged in 1 of 100 cases"


def test_the_pool_is_state() -> None:
    pool, other = ImagePool(4, (1, 1, 1)), ImagePool(4, (1, 1, 1))
    pool(fakes(0, 6))
    other.load_state_dict(pool.state_dict())
    seed = random.randrange(1000)
    torch.manual_seed(seed)
    expected = pool(fakes(6, 20))
    torch.manual_seed(seed)
    assert torch.equal(other(fakes(6, 20)), expected)


def test_discriminators_see_the_fakes_of_generators_that_have_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generators move first, and discriminators judge what they had drawn before."""
    system, order = translator(), []
    seen: list[Tensor] = []
    monkeypatch.setattr(system, "generator_turn", lambda batch, drawn: order.append("generator"))
    monkeypatch.setattr(
        system, "discriminator_turn", lambda batch, drawn: (order.append("discriminator"), seen.extend(drawn))
    )
    system.play(BATCH)
    assert order == ["generator", "discriminator"]
    assert torch.allclose(seen[0]["b"], TO_B * A)
    assert torch.allclose(seen[0]["a"], TO_A * B)
