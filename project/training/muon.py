"""An optimizer that uses Muon for a net's matrices and AdamW for all other parameters."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import AdamW, Muon, Optimizer


class MuonWithAdamW(Optimizer):
    """torch's Muon for all parameters with two dimensions, torch's AdamW for the others.

    Muon's updates are scaled to the size of AdamW's, so that one learning rate and one weight decay
    suit both (Liu et al. 2025, arXiv 2502.16982). `momentum` is Muon's, `betas` and `eps` are
    AdamW's.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(list(_split(params)), {"lr": lr, "weight_decay": weight_decay})
        shared: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay}
        self._parts: dict[str, Optimizer] = {}
        if matrices := self._groups("matrices"):
            self._parts["matrices"] = Muon(
                matrices, **shared, momentum=momentum, adjust_lr_fn="match_rms_adamw"
            )
        if others := self._groups("others"):
            self._parts["others"] = AdamW(others, **shared, betas=tuple(betas), eps=eps)
        self._share()

    def _groups(self, kind: str) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group["kind"] == kind]

    def _share(self) -> None:
        """Make both inner optimizers use the parameter groups and the state of this one."""
        for kind, part in self._parts.items():
            part.param_groups = self._groups(kind)
            part.state = self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that `state_dict` has returned."""
        super().load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Make one step with both optimizers; return the loss of `closure`, if it is given."""
        with torch.enable_grad():
            loss = None if closure is None else closure()
        for part in self._parts.values():
            part.step()
        return loss


def _split(params: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """Yield each parameter group as up to two: its matrices and its other parameters."""
    params = list(params)
    groups = params if params and isinstance(params[0], dict) else [{"params": params}]
    for group in groups:
        for kind, is_matrix in (("matrices", True), ("others", False)):
            chosen = [each for each in group["params"] if (each.ndim == 2) == is_matrix]
            if chosen:
                yield group | {"params": chosen, "kind": kind}
