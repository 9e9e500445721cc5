"""Image to image, without pairs (Zhu et al. 2017, arXiv:1703.10593)."""

from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ganforge.interfaces import Batch, Critic, Inputs, Terms
from ganforge.precision import full
from ganforge.sampling.sampler import Sampler
from ganforge.systems.adversarial import AdversarialModule
from ganforge.systems.pictures import in_rows
from ganforge.systems.pool import ImagePool
from ganforge.systems.team import Team

OTHER = {"a": "b", "b": "a"}


class CycleGAN(AdversarialModule):
    """Sources are domain a, images domain b. A generator of the team makes its domain from the other one, a
    discriminator judges its domain, and the generators move first.

    What they minimise beside the loss: `cycle` times the mean absolute difference between an image and what comes back
    of it (equation 2), and `identity` times that between an image and what the generator of its own domain makes of it
    (section 5.2), which needs as many channels in both. Discriminators see fakes through pools of `pool_size` images.
    """

    needs: ClassVar = frozenset({"sources"})
    goes_with: ClassVar = "model=cyclegan, and any adversarial loss"
    drawing: ClassVar = {"ema": "averaged.b", "live": "generator.b"}
    generator: Team
    discriminator: Team

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        backward_generator: nn.Module,
        backward_discriminator: nn.Module,
        cycle: float,
        identity: float,
        pool_size: int,
        image_size: int,
        channels: int,
        source_channels: int,
        **adversarial: Any,
    ) -> None:
        super().__init__(
            generator=Team({"a": backward_generator, "b": generator}),
            discriminator=Team({"a": backward_discriminator, "b": discriminator}),
            **adversarial,
        )
        if min(cycle, identity) < 0:
            raise ValueError(f"system.cycle={cycle} and system.identity={identity} must not be negative")
        if identity and channels != source_channels:
            raise ValueError(
                f"system.identity={identity} compares what a generator makes of images of its own domain, and the "
                f"domains have {source_channels} and {channels} channels. Use system.identity=0"
            )
        self.cycle, self.identity = cycle, identity
        shapes = {"a": (source_channels, image_size, image_size), "b": (channels, image_size, image_size)}
        self.pools = nn.ModuleDict({domain: ImagePool(pool_size, shape) for domain, shape in shapes.items()})

    def play(self, batch: Batch) -> None:
        self.play_generator_first(batch)

    def draw(self, batch: Batch) -> dict[str, Tensor]:
        real = domains(batch)
        return {domain: self.generator[domain](real[OTHER[domain]]) for domain in real}

    def critic(self, domain: str) -> Critic:
        return lambda images: self.discriminator[domain](images).logits

    def generator_terms(self, batch: Batch, drawn: dict[str, Tensor]) -> Terms:
        real = domains(batch)
        terms: Terms = {}
        for domain, fake in drawn.items():
            critic, start = self.critic(domain), OTHER[domain]
            adversarial = self.game.generator_terms(lambda: critic(real[domain]), critic(fake))  # noqa: B023
            terms |= {f"{name}_{domain}": term for name, term in adversarial.items()}
            terms[f"cycle_{start}"] = self.cycle * difference(self.generator[start](fake), real[start])
            if self.identity:
                same = self.generator[domain](real[domain])
                terms[f"identity_{domain}"] = self.identity * difference(same, real[domain])
        return terms

    def discriminator_terms(self, batch: Batch, drawn: dict[str, Tensor]) -> Terms:
        turn = self.turns_before(batch)
        terms: Terms = {}
        for domain, real in domains(batch).items():
            critic, fake = self.critic(domain), self.pools[domain](drawn[domain].detach())
            on_real, on_fake = critic(real), critic(fake)
            of_domain = self.game.discriminator_terms(on_real, on_fake)
            of_domain |= self.game.penalty_terms(
                self.uncompiled(critic), real, fake, lambda interval: turn % interval == 0
            )
            terms |= {f"{name}_{domain}": term for name, term in of_domain.items()}
            if self.measuring:
                self.remember({f"logits/real_{domain}": on_real.mean(), f"logits/fake_{domain}": on_fake.mean()})
        return terms

    def sampler(self, weights: Literal["ema", "live"] = "ema") -> Sampler:
        return self.sampler_of("b", weights)

    def sampler_of(self, domain: str, weights: Literal["ema", "live"] = "ema") -> Sampler:
        """What makes images of a domain from those of the other one."""
        team: Any = self.averaged if weights == "ema" else self.generator
        return Sampler(team[domain])

    def finished(self) -> dict[str, nn.Module]:
        return {"generator": self.sampler().network, "backward_generator": self.sampler_of("a").network}

    def pictures(self, held_out: Batch) -> dict[str, Tensor]:
        """Rows of held-out images of a domain, of their translations, and of what comes back; from a and from b."""
        real, there, back = domains(held_out), self.sampler_of("b").images, self.sampler_of("a").images
        in_b, in_a = there(Inputs(real["a"])), back(Inputs(real["b"]))
        return {
            "samples": in_rows(real["a"], in_b, back(Inputs(in_b))),
            "b_to_a": in_rows(real["b"], in_a, there(Inputs(in_a))),
        }


def domains(batch: Batch) -> dict[str, Tensor]:
    """Real images by the name of their domain."""
    assert batch.sources is not None
    return {"a": batch.sources, "b": batch.images}


def difference(images: Tensor, others: Tensor) -> Tensor:
    """Mean and absolute, of pixels in [-1, 1], in float32 at least."""
    return l1_loss(full(images), full(others))
