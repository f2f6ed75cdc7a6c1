"""Feature extractors: image [N, 3, H, W] -> {stride s: feature map [N, channels[s], H/s, W/s]}.

Each states `channels` by stride and `divisor`, of which H and W are multiples; where images must have a least
size, also `smallest`.
"""
