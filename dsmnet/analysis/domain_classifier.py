"""Linear classifier of the domain by the statistics of a batch (Li et al. 2016, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from dsmnet.errors import DataError


def domain_accuracy(statistics: Tensor, domains: Sequence[int], folds: Sequence[int]) -> float:
    """Return the cross-validated accuracy of a logistic regression, mean over the domains, in [0, 1].

    Each fold is judged by a classifier that was fitted to the other folds; statistics of one image must not
    be in two folds. By chance it is 1 / number of domains. `statistics` has a row per batch, [N, K];
    `domains` and `folds` are indices, one for each row, and every domain has to be in every fold.
    """
    rows = statistics.double()
    labels, parts = torch.tensor(domains), torch.tensor(folds)
    kinds, places = labels.unique(), parts.unique()
    if len(kinds) < 2 or len(places) < 2:
        raise DataError("domain classifier: expected at least two domains and two folds")
    hits: list[list[Tensor]] = [[] for _ in kinds]
    for place in places:
        test = parts == place
        if len(labels[test].unique()) < len(kinds) or len(labels[~test].unique()) < len(kinds):
            raise DataError("domain classifier: expected images of every domain in every fold")
        predicted = _fit_and_predict(rows[~test], labels[~test], rows[test], len(kinds))
        for kind in range(len(kinds)):
            mine = labels[test] == kind
            hits[kind].append((predicted[mine] == kind).double())
    return float(torch.stack([torch.cat(hit).mean() for hit in hits]).mean())


def _fit_and_predict(x: Tensor, y: Tensor, unseen: Tensor, classes: int, decay: float = 1e-2) -> Tensor:
    """Multinomial logistic regression on standardised rows, with a quadratic penalty on the weights."""
    mean, std = x.mean(0), x.std(0).clamp(min=1e-8)
    x, unseen = (x - mean) / std, (unseen - mean) / std
    share = torch.bincount(y, minlength=classes).double()
    weight = torch.zeros(x.shape[1], classes, dtype=x.dtype, requires_grad=True)
    bias = torch.zeros(classes, dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight + bias, y, weight=len(y) / share / classes)
        loss = loss + decay * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(objective)
    return (unseen @ weight.detach() + bias.detach()).argmax(1)
