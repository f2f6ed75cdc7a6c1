"""How quickly pairs come from files to batches, beside the disk and beside torchvision's readers."""
