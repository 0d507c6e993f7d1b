"""The types of torch that annotations name; only type checkers import them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch import dtype as torch_dtype
else:
    Generator = Tensor = torch_dtype = Any

__all__ = ["Generator", "Tensor", "torch_dtype"]
