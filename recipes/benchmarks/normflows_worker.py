"""Glow of normflows, measured on request: a line of JSON in, a line of JSON out.

Run by `flows_against_normflows` with the Python of an environment that has PyTorch and normflows
and nothing of this project, so this file imports neither.
"""

from __future__ import annotations

import json
import sys

LEARNING_RATE = 8e-4


def make_glow(levels, steps, filters, channels, side):
    """The multi-scale Glow of normflows' documentation, with bases N(0, I)."""
    import normflows

    bases, flows, merges = [], [], []
    for level in range(levels, 0, -1):
        block_channels = channels * 2 ** (level + 1)
        flows.append(
            [normflows.flows.GlowBlock(block_channels, filters) for _ in range(steps)]
            + [normflows.flows.Squeeze()]
        )
        latent_channels = block_channels if level == levels else block_channels // 2
        shape = (latent_channels, side // 2**level, side // 2**level)
        bases.append(normflows.distributions.DiagGaussian(shape, trainable=False))
        if level < levels:
            merges.append(normflows.flows.Merge())
    return normflows.MultiscaleFlow(bases, flows, merges, class_cond=False)


def make_work(model, batch, channels, side):
    """Functions without arguments, named as in `recipes.benchmarks.flow_work`."""
    import torch

    images = torch.rand([batch, channels, side, side]) - 0.5
    with torch.no_grad():
        model.log_prob(images, None)  # The first call sets every ActNorm.
    optimizer = torch.optim.Adamax(model.parameters(), lr=LEARNING_RATE)

    def train():
        optimizer.zero_grad()
        loss = model.forward_kld(images)
        loss.backward()
        optimizer.step()
        return loss.item()

    def score():
        with torch.no_grad():
            return model.log_prob(images, None).sum().item()

    def draw():
        with torch.no_grad():
            return model.sample(batch)[0].sum().item()

    return {"training step": train, "likelihood": score, "sampling": draw}


def main() -> None:
    import normflows
    import torch

    settings = json.loads(sys.stdin.readline())
    torch.manual_seed(0)
    torch.set_num_threads(settings["threads"])
    channels, side = settings["channels"], settings["side"]
    model = make_glow(settings["levels"], settings["steps"], settings["filters"], channels, side)
    work = make_work(model, settings["batch"], channels, side)
    facts = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": f"normflows {normflows.__version__}, PyTorch {torch.__version__}",
    }
    print(json.dumps(facts), flush=True)
    for task in sys.stdin:
        print(json.dumps(work[json.loads(task)]()), flush=True)


if __name__ == "__main__":
    main()
