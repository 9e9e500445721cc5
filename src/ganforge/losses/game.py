"""The game that `loss=` selects: objectives, penalties, a weight constraint, and who moves how often."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ganforge.interfaces import AdversarialLoss, Constraint, Critic, Penalty, Terms


def full(tensor: Tensor) -> Tensor:
    """In float32 where it is less precise."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


class Game:
    """Turns critics and images into the named terms that each player minimises.

    `n_critic` discriminator turns precede every generator turn. `penalties` are named by the user, and their
    names become the logged terms. A penalty with `interval` k is applied at every k-th discriminator turn, k times
    as strongly (lazy regularisation, Karras et al. 2020, appendix B).
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

    def discriminator_terms(self, real_logits: Tensor, fake_logits: Tensor) -> Terms:
        return {"adversarial": self.adversarial.discriminator(full(real_logits), full(fake_logits))}

    def penalty_terms(self, critic: Critic, real: Tensor, fake: Tensor, due: Callable[[int], bool]) -> Terms:
        """Those with an interval that is `due`, in full precision, outside autocast."""
        terms: Terms = {}
        for name, penalty in self.penalties.items():
            if due(penalty.interval):
                with torch.autocast(real.device.type, enabled=False):
                    terms[name] = penalty.interval * penalty(critic, full(real), full(fake))
        return terms

    def generator_terms(self, real_logits: Callable[[], Tensor], fake_logits: Tensor) -> Terms:
        """The terms of a generator turn; the critic meets the real images only if the loss asks for their logits."""

        def without_gradient() -> Tensor:
            with torch.no_grad():
                return full(real_logits())

        return {"adversarial": self.adversarial.generator(without_gradient, full(fake_logits))}

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
        (generators,) = torch.autograd.grad(self.adversarial.generator(lambda: real, fake), fake)
        return generators / discriminators
