"""Normalisation in two halves: what is computed (a layer) and where it stands in a network (a placement).

A layer is any ``Layer(num_features, *, ndim=2, ...) -> nn.Module``; `placement` says at which of a network's
slots it is built. A configuration in ``conf/norm/`` names one of each.
"""
