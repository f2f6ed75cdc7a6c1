"""Matchers against data sets with ground truth: metrics per set, StereoSGBM beside them, table and files."""

from dsmnet.evaluation.checkpoint_labels import chosen_checkpoints
from dsmnet.evaluation.cross_domain import cross_domain_evaluation
from dsmnet.evaluation.evaluator import Compared, evaluate, evaluate_set
from dsmnet.evaluation.protocol import METRICS, EvaluationProtocol, Rule
from dsmnet.evaluation.results import ImageResult, Results, SetResult
from dsmnet.evaluation.sets import FoundSets, ValidationSplit, choose_sets, find_sets, only_set
from dsmnet.evaluation.sgbm import SGBM

__all__ = [
    "METRICS",
    "SGBM",
    "Compared",
    "EvaluationProtocol",
    "FoundSets",
    "ImageResult",
    "Results",
    "Rule",
    "SetResult",
    "ValidationSplit",
    "choose_sets",
    "chosen_checkpoints",
    "cross_domain_evaluation",
    "evaluate",
    "evaluate_set",
    "find_sets",
    "only_set",
]
