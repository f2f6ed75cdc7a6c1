"""Networks assembled from stages."""
