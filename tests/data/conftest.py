"""The samples of the data sets' tests."""

from tests.datasets.conftest import make_samples_fixture

__all__ = ["make_samples_fixture"]
