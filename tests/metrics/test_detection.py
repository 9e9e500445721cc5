"""Curves of alarms, against scikit-learn, with ties."""

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from ganforge.metrics.detection import auroc, average_precision


@pytest.mark.parametrize("levels", [3, 1000])
@pytest.mark.parametrize(("normal", "abnormal"), [(1, 1), (40, 7), (300, 500)])
def test_both_are_scikit_learns(levels: int, normal: int, abnormal: int) -> None:
    one, other = torch.randint(levels, (normal,)).float(), torch.randint(levels, (abnormal,)).float() + levels / 5
    truth = torch.cat([torch.zeros(normal), torch.ones(abnormal)]).numpy()
    scores = torch.cat([one, other]).numpy()
    assert auroc(one, other) == pytest.approx(roc_auc_score(truth, scores))
    assert average_precision(one, other) == pytest.approx(average_precision_score(truth, scores))


def test_extremes() -> None:
    low, high = torch.arange(5.0), torch.arange(5.0) + 5
    assert (auroc(low, high), auroc(high, low), auroc(low, low)) == (1.0, 0.0, 0.5)
    assert average_precision(low, high) == 1.0
