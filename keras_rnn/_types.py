"""Names for the types that cells, layers and the scan exchange."""

from typing import Any

__all__ = ["Noise", "Shape", "State", "Step", "Tensor"]

Tensor = Any
"""A backend tensor or a symbolic Keras tensor."""

State = Any
"""The states of a cell: a list of tensors, each `(batch, size)`, or a list of such lists."""

Step = tuple[Tensor, State]
"""What one step returns: the output `(batch, output_size)` and the next states."""

Noise = Any
"""What a cell draws once a call, such as dropout masks: `None` or any structure of tensors."""

Shape = tuple[int | None, ...]
"""A shape; `None` stands for a size that is not known yet."""
