"""How well scores tell abnormal items from normal ones, whatever the threshold."""

import torch
from torch import Tensor


def auroc(normal: Tensor, abnormal: Tensor) -> float:
    """The area under the curve of true over false alarms: the chance that an abnormal item has the larger score.

    Scores (N,) and (M,); a tie counts half (Hanley and McNeil 1982).
    """
    ordered = normal.double().sort().values
    below, up_to = (torch.searchsorted(ordered, abnormal.double(), right=right) for right in (False, True))
    return ((below + up_to).double().mean() / (2 * len(normal))).item()


def average_precision(normal: Tensor, abnormal: Tensor) -> float:
    """The area under precision over recall as a sum of steps, abnormal items being those to find.

    It depends on how many items there are of each kind, which AUROC does not. Equal scores are one step.
    """
    scores = torch.cat([normal, abnormal]).double()
    is_abnormal = torch.cat([torch.zeros(len(normal)), torch.ones(len(abnormal))]).double()
    thresholds, places = scores.unique(return_inverse=True)
    found = torch.zeros(len(thresholds), dtype=torch.double).index_add_(0, places, is_abnormal).flip(0)
    alarms = torch.bincount(places, minlength=len(thresholds)).flip(0).cumsum(0)
    return ((found * found.cumsum(0) / alarms).sum() / len(abnormal)).item()
