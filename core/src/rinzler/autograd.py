"""Rung 2b: reverse-mode autodiff over whole arrays; `scalar.py` again, with arrays for numbers.

Calling an op on tensors leaves a `Node`: which row of the op table ran, on whose results, and the
values that its gradient needs. `backward` walks the nodes from the last to the first and lets each
row's `vjp` turn the gradient of its output into gradients of its inputs, by calling other ops. So
gradients run on any backend, and no backend knows that they exist (Linnainmaa 1970; the tape form
is Wengert 1964).

Nodes keep saved arrays, never the output tensor: no cycle arises, and a step leaves no temporary
behind even with the garbage collector off. Leaves out: second derivatives. Read next: `tensor.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any

from rinzler.errors import GradientError
from rinzler.ops import Array, OpSpec, Spec, call

_recording: ContextVar[bool] = ContextVar("rinzler_recording", default=True)
_clock = count()  # nodes in order of creation: a node is always younger than its parents


@contextmanager
def no_grad() -> Iterator[None]:
    """Within it nothing is recorded: for evaluation and generation."""
    before = _recording.get()
    try:  # before the change: Ctrl-C may come right after it
        _recording.set(False)
        yield
    finally:
        _recording.set(before)


def is_recording() -> bool:
    return _recording.get()


class Leaf:
    """What gradients end in: anything with a slot for one. `Tensor` is the only kind there is."""

    __slots__ = ("gradient",)

    gradient: Array | None


class Node:
    """One recorded call. `node["x"]` is a saved operand or output, by its name in the table."""

    __slots__ = ("attrs", "index", "parents", "row", "saved", "specs")

    def __init__(
        self,
        row: OpSpec,
        parents: Sequence[Node | Leaf | None],
        ins: Sequence[Array | None],
        outs: Sequence[Array],
        attrs: dict[str, Any],
    ) -> None:
        self.row = row
        self.parents = tuple(parents)
        self.specs = tuple([None if x is None else Spec(x.shape, x.dtype) for x in ins])
        self.attrs = attrs
        self.index = next(_clock)
        named = dict(zip(row.inputs, ins, strict=False)) | dict(zip(row.outputs, outs, strict=True))
        self.saved: dict[str, Any] | None = {name: named[name] for name in row.saves}

    def __getitem__(self, name: str) -> Any:
        assert self.saved is not None  # gradients_of checked
        return self.saved[name]


def backward(root: Node, gradient: Array, retain_graph: bool = False) -> None:
    """Add to every leaf below `root` its share of `gradient`, which has the root's shape.

    Raises GradientError where the saved values are gone, after an earlier backward.
    """
    pending: dict[Node, tuple[Array, bool]] = {root: (gradient, False)}
    for node in newest_first(root):
        if node not in pending:
            continue
        g, _ = pending.pop(node)
        needs = tuple([_need(parent, pending) for parent in node.parents])
        grads = _gradients_of(node, g, needs)
        borrowed = [g.block, *[x.block for x in (node.saved or {}).values() if x is not None]]
        if not retain_graph:
            node.saved = None
        for parent, need, grad in zip(node.parents, needs, grads, strict=True):
            if parent is None or grad is None or need is False or grad is need:
                continue  # not wanted, or the vjp has added to the offered array itself
            # A gradient handed through (y = a + b gives g to both) belongs to nobody yet.
            owned = all(grad.block is not block for block in borrowed)
            borrowed.append(grad.block)
            if isinstance(parent, Node):
                _add_pending(pending, parent, grad, owned)
            else:
                add_to_leaf(parent, grad, owned)


def newest_first(root: Node) -> list[Node]:
    """All nodes that `root` depends on, itself included, each after all of its users.

    No recursion: a graph may be deeper than Python's stack. The order is that of creation, so it
    is the same in every process, and with it the order of float additions.
    """
    seen = {root}
    stack = [root]
    while stack:
        for parent in stack.pop().parents:
            if isinstance(parent, Node) and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=lambda node: -node.index)


def _gradients_of(node: Node, g: Array, needs: tuple[Any, ...]) -> tuple[Any, ...]:
    if node.saved is None:
        raise GradientError(
            f"backward through {node.row.name} a second time: its saved values were released; "
            "call loss.backward(retain_graph=True) the first time, or compute the loss again"
        )
    assert node.row.vjp is not None  # only such rows are recorded
    return node.row.vjp(node, (g,), needs)


def _need(parent: Node | Leaf | None, pending: dict[Node, tuple[Array, bool]]) -> Any:
    """False: not needed. True: return it. An array: return it, or add it there and return that."""
    if parent is None:
        return False
    if isinstance(parent, Node):
        found, owned = pending.get(parent, (None, False))
        return found if owned else True
    return True if parent.gradient is None else parent.gradient


def _add_pending(
    pending: dict[Node, tuple[Array, bool]], parent: Node, grad: Array, owned: bool
) -> None:
    if parent not in pending:
        pending[parent] = (grad, owned)
        return
    before, before_owned = pending[parent]
    into = before if before_owned else grad if owned else None
    pending[parent] = (call("add", before, grad, out=into), True)


def add_to_leaf(leaf: Leaf, grad: Array, owned: bool) -> None:
    if leaf.gradient is not None:
        call("add", leaf.gradient, grad, out=leaf.gradient)
    elif owned:
        leaf.gradient = grad
    else:
        leaf.gradient = copy(grad)


def copy(x: Array, out: Array | None = None) -> Array:
    """The same values in memory of their own, or in `out`."""
    return call("permute", x, axes=tuple(range(len(x.shape))), out=out)
