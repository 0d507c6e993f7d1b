"""The task digit_pairs with the mini framework instead of torch.nn, autograd and torch.optim.

The framework's tensors are shared with torch modules and parameters, which Lightning can store.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from project import seeding
from project.data.pairs import Batch
from project.models.prediction import Prediction
from project.tasks.digit_pairs import DigitPairs
from project.tasks.supervised import Augmentation

with torch.set_grad_enabled(torch.is_grad_enabled()):  # the import turns autograd off
    from project import framework


class FrameworkNet(nn.Module):
    """torch module whose parameters and buffers are the tensors of a net of the mini framework.

    Its state has the names of the equivalent net of torch.nn. Autograd is not used. The inner net
    maps pairs (N, 2, H, W) to a tuple: comparison (N, 2), then digits (N, 2, 10) each.
    """

    def __init__(self, net: framework.Module) -> None:
        super().__init__()
        self.inner = net
        self.digit_outputs: tuple[str, ...] = getattr(net, "digit_outputs", ())
        trained = {id(parameter) for parameter, _ in net.param()}
        for path, tensor in net.tensors().items():
            owner: nn.Module = self
            *parents, name = path.split(".")
            for parent in parents:
                if parent not in dict(owner.named_children()):
                    owner.add_module(parent, nn.Module())
                owner = owner.get_submodule(parent)
            if id(tensor) in trained:
                owner.register_parameter(name, nn.Parameter(tensor))
            else:
                owner.register_buffer(name, tensor)
        self.share()

    def initialise(self, seed: int) -> None:
        """Draw the weights of each module from the stream `init/<path>`, as in torch.nn."""
        self.inner.initialise(lambda path: seeding.generator(seed, f"init/{path}"))

    @torch.no_grad()
    def share(self) -> None:
        """Refer to the framework's own tensors again, after an optimizer or a layout moved them."""
        own = self.state_dict(keep_vars=True)
        gradients = {id(parameter): gradient for parameter, gradient in self.inner.param()}
        for path, tensor in self.inner.tensors().items():
            own[path].set_(tensor)
            own[path].grad = gradients.get(id(tensor))

    def forward(self, pairs: Tensor) -> Prediction:
        """Return the net's prediction for pairs (N, 2, H, W)."""
        self.inner.train(self.training)
        with torch.no_grad():
            comparison, *digits = self.inner.forward(pairs)
        return Prediction(comparison, tuple(digits))


class FrameworkOptimizer(torch.optim.Optimizer):
    """torch optimizer that delegates to the mini framework's optimizer of a net's parameters."""

    def __init__(self, net: FrameworkNet, inner: framework.Optimizer) -> None:
        super().__init__(list(net.parameters()), {"lr": inner.lr})
        self.inner = inner

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update every parameter by its gradient, at the learning rate of the parameter group."""
        if closure is not None:
            closure()
        self.inner.lr = self.param_groups[0]["lr"]
        self.inner.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients to 0 in place; they never become None."""
        self.inner.gradient_reset()

    def state_dict(self) -> dict[str, Any]:
        """Return torch's state and, as `framework`, that of the framework's optimizer."""
        return super().state_dict() | {"framework": self.inner.state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that `state_dict` has returned."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "framework"})
        self.inner.load_state(state_dict["framework"])


class FrameworkPairs(DigitPairs):
    """The task `DigitPairs` with losses, backward passes and steps of the mini framework.

    It logs the same metrics. There is no learning-rate schedule; `label_smoothing` must be 0.
    """

    def __init__(
        self,
        net: FrameworkNet,
        optimizer: Callable[[FrameworkNet], FrameworkOptimizer],
        augmentation: Augmentation | None = None,
        auxiliary_weight: float = 1.0,
        label_smoothing: float = 0.0,
    ) -> None:
        if label_smoothing != 0:
            raise ValueError(f"label_smoothing must be 0 with engine=framework: {label_smoothing}")
        super().__init__(net, optimizer, None, augmentation, auxiliary_weight)
        self.inner = net.inner
        self.automatic_optimization = False
        net.share()

    def losses_of(
        self, prediction: Prediction, target: Tensor, digits: Tensor, stage: str
    ) -> dict[str, Tensor]:
        """Return a batch's mean losses by name; training minimises `loss`."""
        outputs = (prediction.comparison, *prediction.digits)
        # The sum over both digits, as in the report; the framework's loss is their mean.
        weights = [1.0, *[2 * self.auxiliary_weight] * len(prediction.digits)]
        self.losses = framework.LossSum([framework.LossCrossEntropy() for _ in weights], weights)
        loss = self.losses.forward(outputs, (target, *[digits] * len(prediction.digits)))
        comparison_loss, *each_loss = self.losses.values
        losses = {"loss": loss, "comparison_loss": comparison_loss}
        if each_loss:
            losses["auxiliary_loss"] = 2 * torch.stack(each_loss).sum()
        return losses

    @torch.no_grad()
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Make one optimizer step; return the loss before it."""
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        loss, _ = self.loss_of(batch, "train")
        self.inner.backward(self.losses.backward())
        optimizer.step()
        return loss
