"""The game that `loss=` selects: objectives, penalties, a weight constraint, and who moves how often."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ganforge.interfaces import AdversarialLoss, Constraint, Critic, Penalty, Terms
from ganforge.precision import full, unrounded


class Game:
    """Turns critics and images into the named terms that each player minimises.

    `n_critic` discriminator turns precede every generator turn. `penalties` are named by the user, and their
    names become the logged terms. A penalty with `interval` k is applied at every k-th discriminator turn, k times
    as strongly (lazy regularisation, Karras et al. 2020, appendix B).

    The generator learns from a `share` of its fakes, those with the largest logits (Sinha et al. 2020, "Top-k Training
    of GANs"). It is 1 but where it follows a schedule.
    """

    def __init__(
        self,
        adversarial: AdversarialLoss,
        n_critic: int = 1,
        penalties: Mapping[str, Penalty] | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        if n_critic < 1:
            raise ValueError(f"loss.n_critic must be at least 1, got {n_critic}")
        self.adversarial = adversarial
        self.n_critic = n_critic
        self.penalties = dict(penalties or {})
        self.constraint = constraint
        self.share = 1.0

    def discriminator_terms(self, real_logits: Tensor, fake_logits: Tensor) -> Terms:
        return {"adversarial": self.adversarial.discriminator(full(real_logits), full(fake_logits))}

    def penalty_terms(self, critic: Critic, real: Tensor, fake: Tensor, due: Callable[[int], bool]) -> Terms:
        """Those with an interval that is `due`, in full precision, outside autocast."""
        terms: Terms = {}
        for name, penalty in self.penalties.items():
            if due(penalty.interval):
                with unrounded(real):
                    terms[name] = penalty.interval * penalty(critic, full(real), full(fake))
        return terms

    def generator_terms(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Terms:
        """The terms of a generator turn; the critic meets the real images only if the loss asks for their logits."""

        def without_gradient() -> Tensor:
            with torch.no_grad():
                return full(real_logits())

        return {"adversarial": self.generator_loss(without_gradient, full(fake_logits))}

    def generator_loss(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Tensor:
        """That of the best `share` of the fakes, at least of one; each goes with the real image at its place."""
        if self.share == 1:
            return self.adversarial.generator(real_logits, fake_logits)
        count = max(1, round(self.share * len(fake_logits)))
        best = fake_logits.reshape(len(fake_logits), -1).mean(1).topk(count).indices
        return self.adversarial.generator(lambda: real_logits()[best], fake_logits[best])

    def has_a_sign(self) -> bool:
        """Whether a discriminator that cannot tell real from fake says zero.

        It may say anything where logits are only compared (Wasserstein, relativistic), and says one half where they are
        labels (least squares).
        """
        logits = torch.linspace(-2, 2, 9)
        costs = torch.stack([self.adversarial.discriminator(logit[None], logit[None]) for logit in logits])
        best = costs == costs.min()
        return bool(best[4]) and not best[0] and not best[-1]

    def gradient_ratio(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """d generator loss / d logit over d discriminator loss / d logit for each fake (B,) (Shen et al. 2021).

        Not finite where the discriminator's loss is flat, as the hinge is for fakes that it is sure of.
        """
        real, fake = full(real_logits.detach()), full(fake_logits.detach()).requires_grad_()
        (discriminators,) = torch.autograd.grad(self.adversarial.discriminator(real, fake), fake)
        (generators,) = torch.autograd.grad(self.generator_loss(lambda: real, fake), fake)
        return generators / discriminators
