"""The steps of stereo matching: features, cost volume, aggregation, regression, refinement."""
