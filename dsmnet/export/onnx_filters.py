"""SGA and SGF in ONNX's own operators: a `Scan` over rows, or over wavefronts, of a map of any size.

The exporter asks `translation_table` what to write for the operators of `dsmnet.ops`. Functions marked
`script` hold a loop, all others are traced into operators. Needs onnxscript.
"""

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import FLOAT, graph, ir, script
from onnxscript import opset18 as op

_END, _BEGIN = 2**31 - 1, -(2**31) + 1


@script()
def sga_rows(own: FLOAT[...], x: FLOAT[...], weights: FLOAT[...], first: FLOAT[...]) -> FLOAT[...]:
    """All rows but the first of `dsmnet.ops.sga`.

    `own` [T, B, C, D, P] is x times its weight, `weights` are [T, B, 1, 5, P], `first` [B, C, D, P] is the
    result in the row before.
    """

    @graph()
    def step(previous: FLOAT[...], own_row: FLOAT[...], row: FLOAT[...], w: FLOAT[...]):
        below = op.Concat(op.Slice(row, [0], [1], [2]), op.Slice(previous, [0], [-1], [2]), axis=2)
        above = op.Concat(op.Slice(previous, [1], [9999], [2]), op.Slice(row, [-1], [9999], [2]), axis=2)
        largest = op.ReduceMax(previous, [2], keepdims=1)
        w1 = op.Slice(w, [1], [2], [2])
        w2 = op.Slice(w, [2], [3], [2])
        w3 = op.Slice(w, [3], [4], [2])
        w4 = op.Slice(w, [4], [5], [2])
        y = w1 * previous + w2 * below + w3 * above + w4 * largest + own_row
        return y, op.Identity(y)

    _, rows = op.Scan(first, own, x, weights, body=step, num_scan_inputs=3)
    return rows


@script()
def sgf_rows(given: FLOAT[...], step_matrix: FLOAT[...], zero: FLOAT[...]) -> FLOAT[...]:
    """``y[t] = given[t] + y[t - 1] @ step_matrix[t]``: given [T, N, C, P], step_matrix [T, N, P, P].

    `zero` [N, C, P] stands for the row before the first.
    """

    @graph()
    def step(previous: FLOAT[...], own: FLOAT[...], matrix: FLOAT[...]):
        # In this order: OpenVINO 2026.4, shapes known, writes y over the row of the first term and loads the
        # next row there before y is handed on.
        y = op.MatMul(previous, matrix) + own
        return y, op.Identity(y)

    _, rows = op.Scan(zero, given, step_matrix, body=step, num_scan_inputs=2)
    return rows


def sga(cost: Any, weights: Any, reduce: str, keep: bool) -> tuple[Any, ...]:
    """`dsmnet::sga_scan`: the aggregated volume; what else it returns is for the backward pass alone.

    cost [N, C, D, H, W], weights [N, 4, 5, H, W] -> [N, C, D, H, W], or with reduce "none" all four
    directions (down, up, right, left) stacked in front.
    """
    directions: list[Any] = []
    for first, to_rows, weights_to_rows, to_volume in (
        (0, [3, 0, 1, 2, 4], [2, 0, 1, 3], [1, 2, 3, 0, 4]),
        (2, [4, 0, 1, 2, 3], [3, 0, 1, 2], [1, 2, 3, 4, 0]),
    ):
        x = op.Transpose(cost, perm=to_rows)
        forth, back = (op.Transpose(_entry(weights, k), perm=weights_to_rows) for k in (first, first + 1))
        y = _sga_axis(_both_ways(x, x), op.Unsqueeze(_both_ways(forth, back), [2]))
        half = op.Shape(cost, start=0, end=1)
        directions.append(op.Transpose(op.Slice(y, [0], half, [1]), perm=to_volume))
        directions.append(op.Transpose(_reverse(op.Slice(y, half, [_END], [1])), perm=to_volume))
    if reduce == "none":
        result = op.Concat(*(op.Unsqueeze(each, [0]) for each in directions), axis=0)
    else:
        result = (op.Max if reduce == "max" else op.Mean)(*directions)
    return result, *(op.Identity(result) for _ in range(3))


def _sga_axis(x: Any, w: Any) -> Any:
    """Rows x [T, B, C, D, P] with weights [T, B, 1, 5, P] -> [T, B, C, D, P]."""
    total = op.ReduceSum(op.Slice(w, [0], [1], [0]), [3], keepdims=1)
    first = op.Mul(op.Slice(x, [0], [1], [0]), total)
    own = op.Mul(x, op.Slice(w, [0], [1], [3]))
    later = [op.Slice(each, [1], [_END], [0]) for each in (own, x, w)]
    return op.Concat(first, sga_rows(*later, op.Squeeze(first, [0])), axis=0)


def _both_ways(forth: Any, back: Any) -> Any:
    """Join two arrays of rows, the second running backwards, along the second axis."""
    return op.Concat(forth, _reverse(back), axis=1)


def _reverse(rows: Any) -> Any:
    return op.Slice(rows, [-1], [_BEGIN], [0], [-1])


def _entry(weights: Any, k: int) -> Any:
    return op.Squeeze(op.Slice(weights, [k], [k + 1], [1]), [1])


def sgf(x: Any, weights: Any) -> tuple[Any, ...]:
    """`dsmnet::sgf_scan`: the filtered map; what else the operator returns is for the backward pass alone.

    A row of the down pass depends on itself (w4) and on the row above. The dependence within the row is
    solved for all rows at once: y = L a, where L holds the products of w4 along the row and a the other
    terms. What is left to do row by row is one product of matrices.
    """
    weights = op.Transpose(weights, perm=[1, 3, 0, 4, 2])  # [4, H, N, W, 5]
    down, up, right, left = (op.Squeeze(op.Slice(weights, [k], [k + 1], [0]), [0]) for k in range(4))
    right, left = (op.Transpose(w, perm=[2, 1, 0, 3]) for w in (right, left))
    y = op.Transpose(x, perm=[2, 0, 1, 3])
    y = _turn(_sgf_down(_turn(_sgf_down(y, down)), _turn_weights(up)))
    y = op.Transpose(y, perm=[3, 1, 2, 0])
    y = _turn(_sgf_down(_turn(_sgf_down(y, right)), _turn_weights(left)))
    y = op.Transpose(y, perm=[1, 2, 3, 0])
    return y, *(op.Identity(y) for _ in range(3))


def _sgf_down(x: Any, weights: Any) -> Any:
    """The down pass on rows x [T, N, C, P] with weights [T, N, P, 5]."""
    others = op.Slice(weights, [1], [5], [3])
    kept = op.Mul(others, _inside(others))
    own = op.Sub(op.ReduceSum(weights, [3], keepdims=0), op.ReduceSum(kept, [3], keepdims=0))
    above, above_left, above_right, left = (op.Slice(kept, [k], [k + 1], [3]) for k in range(4))
    within = _products(left)
    matrix = op.Add(op.Mul(within, above), _pad_rows(op.Mul(within, above_left), first=1, after=1))
    matrix = op.Add(matrix, _pad_rows(op.Mul(within, above_right), before=1, last=-1))
    given = op.MatMul(op.Mul(x, op.Unsqueeze(own, [2])), within)
    zero = op.Mul(op.Squeeze(op.Slice(given, [0], [1], [0]), [0]), 0.0)
    return sgf_rows(given, matrix, zero)


def _products(factors: Any) -> Any:
    """[T, N, P, 1] -> [T, N, P, P]: at (j, c) the product of the factors from j + 1 to c, 0 for c < j.

    From sums of logarithms; a factor below 1e-7 counts as that.
    """
    sums = op.CumSum(op.Log(op.Max(factors, op.Constant(value_float=1e-7))), 2)
    differences = op.Sub(op.Transpose(sums, perm=[0, 1, 3, 2]), sums)
    places = op.Range(0, op.Squeeze(op.Shape(factors, start=2, end=3), [0]), 1)
    ordered = op.LessOrEqual(op.Unsqueeze(places, [1]), places)
    return op.Where(ordered, op.Exp(op.Min(differences, op.Constant(value_float=0.0))), 0.0)


def _pad_rows(x: Any, first: int = 0, last: int = _END, before: int = 0, after: int = 0) -> Any:
    """Cut rows off the third of four axes and add rows of zeros."""
    return op.Pad(op.Slice(x, [first], [last], [2]), [0, 0, before, 0, 0, 0, after, 0])


def _inside(others: Any) -> Any:
    """1 where the neighbour of an entry [T, N, P, 4] lies inside the map, else 0."""
    ones = op.Add(op.Mul(op.Slice(others, [0], [1], [3]), 0.0), 1.0)
    above = op.Pad(op.Slice(ones, [1], [_END], [0]), [1, 0, 0, 0, 0, 0, 0, 0])
    left = op.Pad(op.Slice(ones, [1], [_END], [2]), [0, 0, 1, 0, 0, 0, 0, 0])
    right = op.Pad(op.Slice(ones, [1], [_END], [2]), [0, 0, 0, 0, 0, 0, 1, 0])
    return op.Concat(above, op.Mul(above, left), op.Mul(above, right), left, axis=3)


def _turn(rows: Any) -> Any:
    """Both image axes of [T, N, C, P] backwards."""
    return op.Slice(rows, [-1, -1], [_BEGIN, _BEGIN], [0, 3], [-1, -1])


def _turn_weights(weights: Any) -> Any:
    """The weights [T, N, P, 5] of a turned map: (r-1, c-1) and (r-1, c+1) change places."""
    turned = op.Slice(weights, [-1, -1], [_BEGIN, _BEGIN], [0, 2], [-1, -1])
    return op.Gather(turned, [0, 1, 3, 2, 4], axis=3)


def give_bodies_their_constants(model: Any) -> None:
    """Copy the constants that the exporter moved out of the loops back into them.

    ONNX's inference of shapes, and what builds on it, does not look for their values outside.
    """
    for node in list(model.graph.all_nodes()):
        for index, value in enumerate(node.inputs):
            if value is None or node.graph is model.graph or value.const_value is None:
                continue
            name = f"{value.name}_{node.name}_{index}"
            own = ir.Value(name=name, type=value.type, shape=value.shape, const_value=value.const_value)
            node.graph.register_initializer(own)
            node.replace_input_with(index, own)
            if not value.uses():
                model.graph.initializers.pop(value.name, None)


def translation_table() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return what `torch.onnx.export` writes for the operators of `dsmnet.ops`."""
    return {torch.ops.dsmnet.sga_scan.default: sga, torch.ops.dsmnet.sgf_scan.default: sgf}
