"""A pair of any size -> a disparity map of that size."""

from dsmnet.inference.predictor import StereoPredictor

__all__ = ["StereoPredictor"]
