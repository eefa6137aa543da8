"""Distributions: tfd.Distribution subclasses with their networks as attributes."""

from tfgen.distributions.aggregate_posterior import aggregate_log_prob
from tfgen.distributions.channel_autoregressive import ChannelAutoregressive
from tfgen.distributions.constrained_beta import ConstrainedBeta, to_uint8, unit_interval
from tfgen.distributions.coupling_flow import CouplingFlow
from tfgen.distributions.dequantisation import UniformDequantisation, VariationalDequantisation
from tfgen.distributions.discretised_bins import image_noise, level_centres, nearest_level
from tfgen.distributions.discretised_images import DiscretisedImages
from tfgen.distributions.discretised_laplace import DiscretisedLaplace
from tfgen.distributions.discretised_logistic import DiscretisedLogistic
from tfgen.distributions.discretised_logistic_mixture import (
    DiscretisedLogisticMixture,
    mixture_channels,
    parameters_from_channels,
)
from tfgen.distributions.flow_distribution import FlowDistribution
from tfgen.distributions.gaussian_map import GaussianMap
from tfgen.distributions.gaussian_mixture import GaussianMixture, MixtureOfGaussians
from tfgen.distributions.latent_prior import LatentPrior, diagonal_log_prob
from tfgen.distributions.standard_normal import StandardNormal
from tfgen.distributions.value_checks import in_range
from tfgen.distributions.vamp_prior import VampPrior

__all__ = [
    "ChannelAutoregressive",
    "ConstrainedBeta",
    "CouplingFlow",
    "DiscretisedImages",
    "DiscretisedLaplace",
    "DiscretisedLogistic",
    "DiscretisedLogisticMixture",
    "FlowDistribution",
    "GaussianMap",
    "GaussianMixture",
    "LatentPrior",
    "MixtureOfGaussians",
    "StandardNormal",
    "UniformDequantisation",
    "VampPrior",
    "VariationalDequantisation",
    "aggregate_log_prob",
    "diagonal_log_prob",
    "image_noise",
    "in_range",
    "level_centres",
    "mixture_channels",
    "nearest_level",
    "parameters_from_channels",
    "to_uint8",
    "unit_interval",
]
