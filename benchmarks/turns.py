"""One turn of each system by hand, for loops.py: `plain` as in a tutorial, `tuned` as fast as we can.

Both take the system's networks, loss and augmentation, the optimizers in the order of its players, a batch in [-1, 1],
the number of the turn, and whether the generator moves after it.
"""

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganforge.interfaces import Batch
from ganforge.systems.cyclegan import CycleGAN
from ganforge.systems.vae import VAE

Terms = dict[str, Tensor]
Turn = Callable[[Any, list[Any], Batch, int, bool], None]


def turn_of(system: Any, tuned: bool) -> Turn:
    if isinstance(system, VAE):
        return tuned_autoencoder if tuned else plain_autoencoder
    if isinstance(system, CycleGAN):
        return Cycle(system, tuned)
    return tuned_turn if tuned else plain_turn


def step(optimizer: Any, terms: Terms) -> None:
    optimizer.zero_grad()
    sum(terms.values()).backward()  # type: ignore[union-attr]
    optimizer.step()


def fakes(system: Any, batch: Batch) -> Tensor:
    start = system.latent.sample(len(batch.images), batch.images.device) if batch.sources is None else batch.sources
    drawn: Tensor = system.generator(start, batch.labels)
    return drawn


def judge(system: Any, batch: Batch) -> Callable[[Tensor], Tensor]:
    discriminator, augment = system.discriminator, system.augment
    if batch.sources is not None:
        return lambda images: discriminator(torch.cat([batch.sources, images], 1)).logits
    return lambda images: discriminator(images if augment is None else augment(images), batch.labels).logits


def discriminator_terms(
    system: Any, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, turn: int
) -> Terms:
    game, on_real, on_fake = system.game, critic(real), critic(fake)
    if system.augment is not None:
        system.augment.adapt(on_real)
    return game.discriminator_terms(on_real, on_fake) | game.penalty_terms(
        critic, real, fake, lambda interval: turn % interval == 0
    )


def generator_terms(system: Any, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Terms:
    terms: Terms = system.game.generator_terms(lambda: critic(real), critic(fake))
    return terms | {"l1": system.l1 * F.l1_loss(fake, real)} if hasattr(system, "l1") else terms


def plain_turn(system: Any, optimizers: list[Any], batch: Batch, turn: int, both: bool) -> None:
    critic, real = judge(system, batch), batch.images
    fake = fakes(system, batch).detach()
    step(optimizers[0], discriminator_terms(system, critic, real, fake, turn))
    if both:
        fake = fakes(system, batch)
        step(optimizers[1], generator_terms(system, critic, real, fake))


def tuned_turn(system: Any, optimizers: list[Any], batch: Batch, turn: int, both: bool) -> None:
    critic, real = judge(system, batch), batch.images
    shared = both and system.fakes == "shared"
    with torch.set_grad_enabled(shared):
        fake = fakes(system, batch)
    step(optimizers[0], discriminator_terms(system, critic, real, fake.detach(), turn))
    if both:
        system.discriminator.requires_grad_(False)
        if not shared:
            fake = fakes(system, batch)
        step(optimizers[1], generator_terms(system, critic, real, fake))
        system.discriminator.requires_grad_(True)


def moments(system: Any, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and log variance of q(z | x), and the logits of x at a z."""
    mean, log_variance = system.autoencoder.encoder(images)
    z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    return mean, log_variance, system.autoencoder.decoder.logits(z)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    return -0.5 * torch.sum(1 + log_variance - mean.square() - log_variance.exp())


def plain_autoencoder(system: Any, optimizers: list[Any], batch: Batch, turn: int, both: bool) -> None:
    mean, log_variance, logits = moments(system, batch.images)
    white, count = (batch.images + 1) / 2, len(batch.images)
    reconstruction = F.binary_cross_entropy(torch.sigmoid(logits), white, reduction="sum")
    step(optimizers[0], {"nll": reconstruction / count, "kl": divergence(mean, log_variance) / count})


def tuned_autoencoder(system: Any, optimizers: list[Any], batch: Batch, turn: int, both: bool) -> None:
    mean, log_variance, logits = moments(system, batch.images)
    white, count = 0.5 * (batch.images + 1), len(batch.images)
    reconstruction = F.binary_cross_entropy_with_logits(logits, white, reduction="sum")
    step(optimizers[0], {"nll": reconstruction / count, "kl": divergence(mean, log_variance) / count})


class Pool:
    """A list of fakes, of which half come back later."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.images = capacity, list[Tensor]()

    def __call__(self, fakes: Tensor) -> Tensor:
        return torch.stack([self.exchanged(fake) for fake in fakes])

    def exchanged(self, fake: Tensor) -> Tensor:
        if len(self.images) < self.capacity:
            self.images.append(fake.clone())
            return fake
        if random.random() < 0.5:
            return fake
        place = random.randrange(self.capacity)
        before, self.images[place] = self.images[place], fake.clone()
        return before


class Cycle:
    """The generators' turn on both directions, then the discriminators'."""

    def __init__(self, system: Any, tuned: bool) -> None:
        self.pools = {domain: Pool(len(system.pools[domain].images)) for domain in "ab"}
        self.tuned = tuned

    def __call__(self, system: Any, optimizers: list[Any], batch: Batch, turn: int, both: bool) -> None:
        assert batch.sources is not None
        make, critic, game = system.generator, system.discriminator, system.game
        real = {"a": batch.sources, "b": batch.images}
        fake = {"b": make["b"](real["a"]), "a": make["a"](real["b"])}
        if self.tuned:
            critic.requires_grad_(False)
        terms: Terms = {}
        for domain, other in ("ab", "ba"):
            terms |= {domain: game.generator_terms(lambda: None, critic[domain](fake[domain]).logits)["adversarial"]}
            terms[f"cycle_{other}"] = system.cycle * F.l1_loss(make[other](fake[domain]), real[other])
            terms[f"identity_{domain}"] = system.identity * F.l1_loss(make[domain](real[domain]), real[domain])
        step(optimizers[1], terms)
        critic.requires_grad_(True)
        judged: Terms = {}
        for domain in "ab":
            logits = (
                critic[domain](real[domain]).logits,
                critic[domain](self.pools[domain](fake[domain].detach())).logits,
            )
            judged |= {domain: game.discriminator_terms(*logits)["adversarial"]}
        step(optimizers[0], judged)
