"""An evaluation as one HTML page that needs nothing else: tables that sort, pictures that enlarge."""

from dsmnet.evaluation.html.pictures import Pictures
from dsmnet.evaluation.html.results_page import write_page

__all__ = ["Pictures", "write_page"]
