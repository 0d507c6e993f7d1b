"""Ten nets one after the other in plain PyTorch: torch's default layout and threads, no validation.

    python -m tests.benchmarks.plain_sweep MNIST_FOLDER [seeds]

What the sweep benchmark holds against `python -m project.train -m 'seed=range(10)'`.
"""

import statistics
import sys

import torch

from tests.benchmarks.student import BATCH, EPOCHS, PAIRS, Net, draw_pairs, pair_loss


def train_and_test(root: str, seed: int) -> float:
    """The test error of one net."""
    torch.manual_seed(seed)
    images, target, digits = draw_pairs(root, train=True)
    net = Net()
    optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)
    for _ in range(EPOCHS):
        for start in range(0, PAIRS, BATCH):
            batch = slice(start, start + BATCH)
            loss = pair_loss(net, images[batch], target[batch], digits[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    images, target, _ = draw_pairs(root, train=False)
    with torch.no_grad():
        return (net(images)[0].argmax(1) != target).float().mean().item()


def main() -> None:
    root, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10
    errors = [train_and_test(root, seed) for seed in range(seeds)]
    print(f"test error {100 * statistics.mean(errors):.2f} % ({seeds} nets)")


if __name__ == "__main__":
    main()
