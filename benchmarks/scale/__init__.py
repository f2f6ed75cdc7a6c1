"""How many cores, readers and links feed how many GPUs: measured parts, and a simulation on top of them."""
