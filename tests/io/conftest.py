"""The data sets' fixtures: their codecs are tested with them."""

from tests.datasets.conftest import case, case_samples, make_samples_fixture, set_names, touch_pairs

__all__ = ["case", "case_samples", "make_samples_fixture", "set_names", "touch_pairs"]
