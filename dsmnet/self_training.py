"""Self-training: a network is trained on its own filtered disparities of another domain, under a guard."""

from __future__ import annotations

import copy
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from dsmnet.adaptation.guard import (
    Verdict,
    compare_on_source,
    compare_on_target,
    reasons,
    split_pairs,
    too_few_labels,
)
from dsmnet.adaptation.labelled_set import mean_scores, write_labels
from dsmnet.adaptation.pseudo_labels import LabelRules, make_label, to_eight_bits
from dsmnet.adaptation.self_training_plan import SelfTrainingPlan
from dsmnet.api import load_model
from dsmnet.cli.arguments import literal
from dsmnet.config import compose, instantiate
from dsmnet.ending import Interrupted, signal_of
from dsmnet.errors import UserError
from dsmnet.inference.predictor import StereoPredictor
from dsmnet.inference.search import resolve_max_disparity
from dsmnet.models.checkpoint import save_weights
from dsmnet.models.state_dict import load_into
from dsmnet.progress import track
from dsmnet.run import train
from dsmnet.types import Image, Matcher, StereoPairs
from dsmnet.viz.before_after import before_and_after
from dsmnet.weight_average import average_tensors

log = logging.getLogger(__name__)


@dataclass
class SelfTraining:
    """One adaptation: its data, matchers and options.

    Args:
        network: Network to adapt, on the device that computes.
        checkpoint: Its checkpoint.
        target: Pairs of the target; ground truth is never looked at.
        plan: How long and on what to train.
        rules: Checks that a label passes.
        second: Matcher of the last rule and of the guard; None for neither.
        teacher: Matcher of the first round; None for the network itself.
        max_disparity: Search range of the labels, see `resolve_max_disparity`.
        output: Folder of all that is written.
        seed: Seed of the training.
        progress: Whether to show bars.
        source: Options that make the labels, which are kept with them.
    """

    network: StereoPredictor
    checkpoint: Path
    target: StereoPairs
    plan: SelfTrainingPlan
    rules: LabelRules
    second: Matcher | None
    teacher: Matcher | None
    max_disparity: str | int
    output: Path
    seed: int
    progress: bool
    source: dict[str, Any]

    def __post_init__(self) -> None:
        self.adapt_to, self.held_out = split_pairs(len(self.target), self.plan.held_out)

    def run(self) -> tuple[StereoPredictor, dict[str, Any]]:
        """Adapt in rounds; return the best network that the guard accepted, and the record.

        The weights of an accepted round are saved at once. An interrupted run goes on where it was when
        called again.

        Raises:
            Interrupted: Ctrl-C or SIGTERM.
        """
        student = accepted = self.network
        rounds = list[dict[str, Any]]()
        for number in range(1, self.plan.rounds + 1):
            try:
                student, result, record = self._round(number, student, accepted)
            except (Interrupted, KeyboardInterrupt) as error:
                kept = f"; weights.safetensors holds round {number - 1}" if rounds else ""
                raise Interrupted(
                    f"interrupted in round {number}{kept}; the same command goes on", signal_of(error)
                ) from None
            rounds.append(record)
            if not record["accepted"]:
                log.warning("round %d is refused: %s", number, "; ".join(record["reasons"]))
                break
            accepted = result
            save_weights(self.output / "weights.safetensors", accepted.net, accepted.config)
        return accepted, {"pairs": len(self.adapt_to), "held_out": len(self.held_out), "rounds": rounds}

    def _round(
        self, number: int, start: StereoPredictor, accepted: StereoPredictor
    ) -> tuple[StereoPredictor, StereoPredictor, dict[str, Any]]:
        """Label, train and judge; return the student, the blended network, and the record of the round.

        The student begins with the weights of `start`, the blended network is compared with `accepted`, once
        more with half of the blend if it is refused; the record says whether it is accepted in its place.
        """
        folder = self.output / f"round{number}"
        teacher = self.teacher if number == 1 and self.teacher is not None else start
        scores = mean_scores(self._label(teacher, folder / "labels"))
        student, result, verdicts, share = start, accepted, list[Verdict](), self.plan.blend
        refused = too_few_labels(scores["density"])
        if not refused:
            student = self._train(start, folder)
            for share in (self.plan.blend, self.plan.blend / 2):
                result = self._blended(student, share)
                verdicts = self._judge(accepted, result)
                refused = reasons(verdicts)
                if not refused:
                    log.info("round %d is accepted: %s", number, "; ".join(map(str, verdicts)))
                    break
                log.info("round %d, blend=%g: %s", number, share, "; ".join(refused))
        guard = [verdict.to_dict() for verdict in verdicts]
        record = {
            "labels": scores,
            "guard": guard,
            "blend": share,
            "accepted": not refused,
            "reasons": refused,
        }
        return student, result, record

    def _blended(self, student: StereoPredictor, share: float) -> StereoPredictor:
        """Return the network between the one before and the student, of which it has `share`."""
        states = [student.net.state_dict(), self.network.net.state_dict()]
        blended = copy.deepcopy(student)
        mean = average_tensors(states, [share, 1 - share])
        load_into(blended.net, mean, "the mean")
        return blended

    def _label(self, teacher: Matcher, folder: Path) -> list[dict[str, Any]]:
        return write_labels(
            self.target,
            self.adapt_to,
            teacher,
            self.second,
            self.rules,
            folder,
            max_disparity=self.max_disparity,
            source=self.source,
            filled=self.plan.rendered > 0,
            progress=self.progress,
        )

    def _train(self, start: StereoPredictor, folder: Path) -> StereoPredictor:
        """Train a round, or go on with it; its weights are the averaged ones of the last step."""
        weights = folder / "weights.safetensors"
        if not weights.is_file():
            cfg = self._config(start, folder)
            train(cfg, folder)
        return load_model(weights, self.network.device.type)

    def _config(self, start: StereoPredictor, folder: Path) -> Any:
        """Return the configuration of a training run from `start` on the labels of a round."""
        last = folder / "checkpoints" / "last.ckpt"
        number = int(folder.name.removeprefix("round"))
        init = self.checkpoint if number == 1 else self.output / f"round{number - 1}" / "weights.safetensors"
        sample = self.target[0]
        height, width = (
            min(most, size // start.net.divisor * start.net.divisor)
            for most, size in zip(self.plan.crop, sample["left"].shape[:2], strict=True)
        )
        plan = self.plan
        cfg = compose(
            "train",
            [
                "transform=self_training",
                "callbacks.best=null",
                "callbacks.ema.decay=0.99",
                "logger=csv",
                "loss.beta=0.2",
                "loss.clamp=10",
                f"loss.gamma={0.9 if hasattr(start.net, 'iterations') else 'null'}",
                "trainer.max_time=null",
                f"trainer.max_steps={plan.steps}",
                f"loader.batch_size={plan.batch_size}",
                f"loader.epoch_steps={min(50, plan.steps)}",
                "loader.validation_pairs=2",
                f"optimizer.lr={plan.lr}",
                f"crop={{height: {height}, width: {width}}}",
                f"max_disparity={_training_range(folder / 'labels', start)}",
                f"seed={self.seed + number}",
                f"progress={str(self.progress).lower()}",
            ],
        )
        config = start.config
        cfg.choices.update(
            {"model": config["model"], "norm": config["norm"], "norm@norm3d": config["norm3d"]}
        )
        replay = cfg.dataset
        cfg.model = OmegaConf.create(config["network"])
        cfg.dataset = {
            "_target_": "dsmnet.adaptation.labelled_set.LabelledWithReplay",
            "folder": literal(str(folder / "labels")),
            "replay": replay,
            "share": plan.replay,
            "rendered": plan.rendered,
            "rows": 2 * height,  # rendering all of a large image would take longer than a step
        }
        cfg.paths.output, cfg.init = literal(str(folder)), literal(str(init))
        if last.is_file():
            cfg.resume = literal(str(last))
        return cfg

    def _judge(self, best: StereoPredictor, student: StereoPredictor) -> list[Verdict]:
        """Compare a student with what it started from: on frames it has not seen, and on the source."""
        held_out = track(self.held_out, "guard, target", enabled=self.progress)
        frames = (self.target[index] for index in held_out)
        verdicts = compare_on_target(best, student, self.second, frames, self.max_disparity)
        validation = instantiate(compose("train").dataset).split_validation()[1]
        indices = range(min(self.plan.source_pairs, len(validation)))
        errors: list[list[float]] = [[], []]
        for index in track(indices, "guard, source", enabled=self.progress):
            sample = validation[index]
            for net, found in zip((self.network, student), errors, strict=True):
                off = np.abs(net.predict(sample["left"], sample["right"]) - sample["disparity"])
                found.append(float(off[sample["valid"]].mean()))
        return [*verdicts, compare_on_source(*errors)]

    def picture(self, before: StereoPredictor, after: StereoPredictor) -> Image:
        """Draw held-out pairs: left view, disparity before and after, and the label with what was masked."""
        rows = []
        for index in self.held_out[:4]:
            sample = self.target[index]
            left, right = sample["left"], sample["right"]
            searched = resolve_max_disparity(self.max_disparity, sample.get("calibration"), left.shape[1])
            label = make_label(before, left, right, searched, self.rules, self.second)
            masked = np.where(label.mask, label.disparity, np.float32(np.inf))
            rows.append((to_eight_bits(left), label.disparity, after.predict(left, right, searched), masked))
        return before_and_after(rows)


def _training_range(folder: Path, net: StereoPredictor) -> int:
    """Return a search range, in pixels, for the labels and a quarter more, that of the network at most."""
    largest = 0.0
    for record in sorted((folder / "records").glob("*.json")):
        largest = max(largest, json.loads(record.read_text(encoding="utf-8"))["largest"])
    return int(min(max(64, np.ceil(1.25 * largest / 16) * 16), net.net.max_disparity))


def check_same_options(file: Path, cfg: Any) -> None:
    """Refuse to go on with an adaptation of other options; the progress bar plays no part."""
    if file.is_file():
        before, now = _plain(OmegaConf.load(file)), _plain(cfg)
        for name in ("checkpoint", "dataset", "labels", "teacher", "second", "seed", "self_training"):
            if before.get(name) != now[name]:
                raise UserError(
                    f"paths.output={file.parent}: holds an adaptation with another {name}; "
                    "expected another folder"
                )


def _plain(cfg: Any) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return plain


def check_trainable(net: Any) -> None:
    """Refuse what cannot be trained."""
    if not isinstance(net, StereoPredictor) or not net.has_sharpness:
        raise UserError("method=self_training: an exported file cannot be trained; expected a checkpoint")
