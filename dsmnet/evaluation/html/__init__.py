"""An evaluation as one HTML page that needs nothing else: tables that sort, pictures that enlarge."""

from dsmnet.evaluation.html.page import write_page
from dsmnet.evaluation.html.pictures import Pictures

__all__ = ["Pictures", "write_page"]
