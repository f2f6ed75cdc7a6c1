"""Matchers against data sets with ground truth: metrics per set, StereoSGBM beside them, table and files."""

from dsmnet.evaluation.cross_domain import choose_sets, cross_domain_evaluation
from dsmnet.evaluation.evaluator import Compared, describe, evaluate, evaluate_set
from dsmnet.evaluation.labels import chosen_checkpoints
from dsmnet.evaluation.protocol import METRICS, EvaluationProtocol, Rule
from dsmnet.evaluation.results import ImageResult, SetResult
from dsmnet.evaluation.sets import FoundSets, HeldBack, find_sets, only_set
from dsmnet.evaluation.sgbm import SGBM

__all__ = [
    "METRICS",
    "SGBM",
    "Compared",
    "EvaluationProtocol",
    "FoundSets",
    "HeldBack",
    "ImageResult",
    "Rule",
    "SetResult",
    "choose_sets",
    "chosen_checkpoints",
    "cross_domain_evaluation",
    "describe",
    "evaluate",
    "evaluate_set",
    "find_sets",
    "only_set",
]
