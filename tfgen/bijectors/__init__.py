"""Invertible maps: tfb.Bijector subclasses with their networks as attributes."""

from tfgen.bijectors.act_norm import ActNorm
from tfgen.bijectors.additive_coupling import AdditiveCoupling
from tfgen.bijectors.affine_coupling import AffineCoupling
from tfgen.bijectors.autoregressive import MaskedAutoregressive
from tfgen.bijectors.autoregressive_map import AutoregressiveMap
from tfgen.bijectors.channel_bijector import ChannelBijector
from tfgen.bijectors.conditional_act_norm import ConditionalActNorm
from tfgen.bijectors.conditioning import checked_conditioning
from tfgen.bijectors.coupling import Coupling
from tfgen.bijectors.coupling_network import CouplingNetwork
from tfgen.bijectors.dense_coupling_network import DenseCouplingNetwork
from tfgen.bijectors.double_affine_coupling import DoubleAffineCoupling
from tfgen.bijectors.half_swap import HalfSwap
from tfgen.bijectors.invertible_convolution import InvertibleConvolution
from tfgen.bijectors.logistic_mixture import inverse_mixture_logit, mixture_logit
from tfgen.bijectors.mixture_cdf_coupling import MixtureCDFCoupling
from tfgen.bijectors.multi_scale import Level, MultiScale
from tfgen.bijectors.one_pass import OnePassBijector
from tfgen.bijectors.paired_pyramid import PairedPyramid
from tfgen.bijectors.pixel_logit import PixelLogit
from tfgen.bijectors.pixel_scaling import PixelScaling
from tfgen.bijectors.reverse_channels import ReverseChannels
from tfgen.bijectors.sequence import BijectorSequence
from tfgen.bijectors.squeeze import Squeeze
from tfgen.bijectors.vector_flows import alignment_flow, conditional_prior_flow

__all__ = [
    "ActNorm",
    "AdditiveCoupling",
    "AffineCoupling",
    "AutoregressiveMap",
    "BijectorSequence",
    "ChannelBijector",
    "ConditionalActNorm",
    "Coupling",
    "CouplingNetwork",
    "DenseCouplingNetwork",
    "DoubleAffineCoupling",
    "HalfSwap",
    "InvertibleConvolution",
    "Level",
    "MaskedAutoregressive",
    "MixtureCDFCoupling",
    "MultiScale",
    "OnePassBijector",
    "PairedPyramid",
    "PixelLogit",
    "PixelScaling",
    "ReverseChannels",
    "Squeeze",
    "alignment_flow",
    "checked_conditioning",
    "conditional_prior_flow",
    "inverse_mixture_logit",
    "mixture_logit",
]
