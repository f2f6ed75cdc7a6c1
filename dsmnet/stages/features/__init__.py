"""Image -> feature maps at several strides."""
