"""The bijectors of NICE, Real NVP, Glow and Flow++, and the priors of their latents."""

from __future__ import annotations

import functools
from typing import Callable, List, Sequence

import tensorflow_probability as tfp

from tfgen.bijectors import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    BijectorSequence,
    InvertibleConvolution,
    MixtureCDFCoupling,
    MultiScale,
    OnePassBijector,
    PixelLogit,
    PixelScaling,
    ReverseChannels,
    Squeeze,
)
from tfgen.distributions import ChannelAutoregressive, FlowDistribution, GaussianMap
from tfgen.layers import (
    ChannelPriorNetwork,
    CouplingConvolutions,
    GatedAttentionNetwork,
    ZeroConvolution,
)
from zoo.flows.config import FlowConfig, PriorConfig

tfd = tfp.distributions

__all__ = ["make_flow", "make_flow_distribution", "make_priors"]


def make_flow(config: FlowConfig, seed: int = 0) -> OnePassBijector:
    """The flow of an architecture: pixels in [0, values) <-> latents.

    nice: one level; additive couplings that exchange their halves, then a scale for each channel.
    real_nvp: logits of the pixels; in each level `steps` checkerboard couplings, squeeze, `steps`
      channel couplings, split; the last level has one checkerboard coupling more instead of
      the squeeze. Affine with bounded log-scale, ActNorm where the paper has batch norm.
    glow: pixels in [-0.5, 0.5]; in each level squeeze, `steps` times ActNorm, 1x1 convolution and
      coupling, split. With mixture-CDF couplings the channels are reversed after each, as in the
      released mAR-SCF. Levels after the first `squeezes` do without the squeeze.
    flow_plus_plus: pixels in [-0.5, 0.5], no splits; in each level `steps` checkerboard couplings
      and, after the squeeze, half as many channel couplings; ActNorm and 1x1 convolution before
      each.

    Args:
      config: architecture and sizes.
      seed: of the random rotations.

    Returns:
      A `MultiScale` flow.

    #### References
    [1]: Dinh, Krueger, Bengio. NICE. 2014. Section 5.
    [2]: Dinh, Sohl-Dickstein, Bengio. Density estimation using Real NVP. ICLR 2017. Section 4.1.
    [3]: Kingma, Dhariwal. Glow. NeurIPS 2018. Section 3.
    [4]: Ho, Chen, Srinivas, Duan, Abbeel. Flow++. ICML 2019. Section 4.
    """
    levels = {
        "nice": _nice,
        "real_nvp": _real_nvp,
        "glow": _glow,
        "flow_plus_plus": _flow_plus_plus,
    }[config.architecture](config, seed)
    return MultiScale(
        [
            BijectorSequence(level, config.recompute, name=f"level_{i}")
            for i, level in enumerate(levels)
        ]
    )


def make_priors(
    config: PriorConfig, shapes: Sequence[Sequence[int]], recompute: bool = False
) -> List[tfd.Distribution]:
    """A prior for each latent.

    Args:
      config: which.
      shapes: [H, W, C] of each, from the finest to the coarsest; all but the last are conditioned
        on a map of their own shape.
      recompute: compute activations again for the gradient instead of keeping them.
    """
    priors = []
    for index, shape in enumerate(shapes):
        shape, last = tuple(shape), index == len(shapes) - 1
        if config.type == "channel_autoregressive":
            network = ChannelPriorNetwork(
                shape[-1],
                conditioning_channels=None if last else shape[-1],
                filters=config.filters,
                layers=config.layers,
                kernel_size=config.kernel_sizes[min(index, len(config.kernel_sizes) - 1)],
                dilation=config.dilations[min(index, len(config.dilations) - 1)],
                peephole=config.peephole,
                recompute=recompute,
            )
            priors.append(ChannelAutoregressive(network, shape[:2]))
        elif config.type == "conditional_gaussian" and not last:
            priors.append(GaussianMap(shape, ZeroConvolution))
        else:
            priors.append(GaussianMap(shape))
    return priors


def make_flow_distribution(config: FlowConfig, seed: int = 0) -> FlowDistribution:
    """Density of dequantised pixels in [0, values)."""
    flow = make_flow(config, seed)
    shape = [config.image_size, config.image_size, config.channels]
    priors = make_priors(config.prior, flow.latent_shapes(shape), config.recompute)
    return FlowDistribution(flow, priors, shape)


def make_coupling(config: FlowConfig, kind: str, **kwargs) -> Callable[..., OnePassBijector]:
    """(channels, ...) -> a coupling of a kind with the networks of the configuration."""
    convolutions = functools.partial(CouplingConvolutions, filters=config.filters, **kwargs)
    if kind == "mixture_cdf":
        network = functools.partial(
            GatedAttentionNetwork,
            filters=config.filters,
            blocks=config.blocks,
            heads=config.heads,
            dropout=config.dropout,
            **kwargs,
        )
        return functools.partial(
            MixtureCDFCoupling, make_network=network, components=config.components
        )
    if kind == "additive":
        return functools.partial(AdditiveCoupling, make_network=convolutions)
    scale = "exponential" if kind == "bounded_affine" else "sigmoid"
    return functools.partial(AffineCoupling, make_network=convolutions, scale=scale)


def _nice(config, seed):
    del seed
    coupling, channels = make_coupling(config, "additive"), 4 * config.channels
    parts = [PixelScaling(config.values), Squeeze()]
    parts += [coupling(channels, swap=bool(step % 2)) for step in range(config.steps)]
    return [[*parts, ActNorm(channels)]]


def _real_nvp(config, seed):
    del seed
    coupling, channels = make_coupling(config, "bounded_affine"), config.channels
    levels = []
    for level in range(config.levels):
        last = level == config.levels - 1
        parts = [] if level else [PixelLogit(levels=config.values)]
        for step in range(config.steps + last):
            parts += [
                ActNorm(channels),
                coupling(channels, split="checkerboard", swap=bool(step % 2)),
            ]
        if not last:
            parts.append(Squeeze())
            for step in range(config.steps):
                parts += [ActNorm(4 * channels), coupling(4 * channels, swap=bool(step % 2))]
            channels *= 2
        levels.append(parts)
    return levels


def _glow(config, seed):
    coupling, channels = make_coupling(config, config.coupling), config.channels
    squeezes = config.levels if config.squeezes is None else config.squeezes
    levels = []
    for level in range(config.levels):
        parts = [] if level else [PixelScaling(config.values)]
        if level < squeezes:
            parts.append(Squeeze())
            channels *= 4
        for step in range(config.steps):
            parts += [
                ActNorm(channels),
                InvertibleConvolution(channels, seed=seed + 1000 * level + step),
                coupling(channels),
            ]
            if config.coupling == "mixture_cdf":
                parts.append(ReverseChannels(channels))
        levels.append(parts)
        channels //= 2
    return levels


def _flow_plus_plus(config, seed):
    coupling, channels = make_coupling(config, config.coupling), config.channels
    parts = [PixelScaling(config.values)]

    def step(number, **kwargs):
        return [
            ActNorm(channels),
            InvertibleConvolution(channels, seed=seed + len(parts) + number),
            coupling(channels, swap=bool(number % 2), **kwargs),
        ]

    for _ in range(config.levels):
        for number in range(config.steps):
            parts += step(number, split="checkerboard")
        parts.append(Squeeze())
        channels *= 4
        for number in range(max(1, config.steps // 2)):
            parts += step(number)
    return [parts]
