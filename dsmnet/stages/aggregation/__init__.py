"""Cost volume -> filtered scores, guided by the left view."""
