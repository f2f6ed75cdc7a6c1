"""Options of self-training: how long a student is trained, on what, and how much of it is kept."""

from __future__ import annotations

from dataclasses import dataclass

from dsmnet.options import check_number, check_share, check_whole


@dataclass(frozen=True)
class SelfTrainingPlan:
    """How long and on what the student is trained.

    Args:
        rounds: Rounds of labelling and training, at most; a later one takes the student as teacher.
        steps: Training steps of a round.
        batch_size: Pairs per step.
        crop: Height and width of the crops, pixels; less where the images are smaller.
        lr: Largest learning rate.
        replay: Share of procedural pairs among the training pairs.
        rendered: Share, of the target's pairs, whose right view is rendered from the left one and its label.
        held_out: Share of the target's pairs that the guard keeps for itself.
        source_pairs: Procedural validation pairs of the guard.
        blend: Share of the trained weights in those that are judged and kept, the rest being the weights
            that were there before (WiSE-FT, Wortsman et al. 2022). Half of it is tried where the guard
            refuses it.
    """

    rounds: int = 2
    steps: int = 200
    batch_size: int = 2
    crop: tuple[int, int] = (192, 384)
    lr: float = 2e-4
    replay: float = 0.5
    rendered: float = 0.5
    held_out: float = 0.2
    source_pairs: int = 32
    blend: float = 1.0

    def __post_init__(self) -> None:
        for name in ("rounds", "steps", "batch_size", "source_pairs"):
            check_whole(f"self_training.{name}", getattr(self, name))
        check_number("self_training.lr", self.lr, above=0)
        for name in ("replay", "rendered", "held_out", "blend"):
            check_share(f"self_training.{name}", getattr(self, name))
