from __future__ import annotations

import torch

from dsmnet.ops.shuffle3d import shuffle3d, unshuffle3d


def test_each_is_the_inverse_of_the_other() -> None:
    volume = torch.randn(2, 4, 6, 10)
    assert torch.equal(shuffle3d(unshuffle3d(volume)), volume)
    channels = torch.randn(2, 8, 2, 3, 5)
    assert torch.equal(unshuffle3d(shuffle3d(channels)), channels)


def test_the_eight_channels_are_the_voxels_of_one_block() -> None:
    volume = torch.arange(4 * 4 * 6).view(1, 4, 4, 6).float()
    blocks = unshuffle3d(volume)
    assert blocks.shape == (1, 8, 2, 2, 3)
    for d in range(2):
        for y in range(2):
            for x in range(3):
                block = volume[0, 2 * d : 2 * d + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
                assert torch.equal(blocks[0, :, d, y, x], block.flatten())


def test_layout_of_the_input_does_not_matter() -> None:
    channels = torch.randn(1, 8, 2, 3, 5)
    last = channels.contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(shuffle3d(last), shuffle3d(channels))
