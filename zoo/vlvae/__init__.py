"""VLVAE: a vision-language VAE and the aggregate posteriors learned for it."""

from zoo.vlvae.evaluation import image_bounds, text_bounds, word_entropy, word_logits
from zoo.vlvae.fits import Fits, fit_densities
from zoo.vlvae.generator import TextImageGenerator
from zoo.vlvae.job import REFERENCE, Instrument, VLVAEJob
from zoo.vlvae.latent_grid import (
    LatentGrid,
    densest_region,
    grid_kl,
    hole_mass,
    region_level,
)
from zoo.vlvae.latent_map import LatentMap, draw_latent_map, latent_map_report, make_latent_map
from zoo.vlvae.model import VLVAE, VLVAEConfig
from zoo.vlvae.networks import NetworkConfig
from zoo.vlvae.protocol import EvaluationConfig, measure
from zoo.vlvae.reporting import draw, report, training_pictures
from zoo.vlvae.text_posterior import TextPosterior
from zoo.vlvae.true_posterior_fit import TruePosteriorFit
from zoo.vlvae.word_classifier import WordClassifier, word_correctness
from zoo.vlvae.word_uncertainty import DATA_ENTROPY, word_uncertainty, word_uncertainty_report

__all__ = [
    "DATA_ENTROPY",
    "EvaluationConfig",
    "Fits",
    "Instrument",
    "LatentGrid",
    "LatentMap",
    "NetworkConfig",
    "REFERENCE",
    "TextImageGenerator",
    "TextPosterior",
    "TruePosteriorFit",
    "VLVAE",
    "VLVAEConfig",
    "VLVAEJob",
    "WordClassifier",
    "densest_region",
    "draw",
    "draw_latent_map",
    "fit_densities",
    "grid_kl",
    "hole_mass",
    "image_bounds",
    "latent_map_report",
    "make_latent_map",
    "measure",
    "region_level",
    "report",
    "text_bounds",
    "training_pictures",
    "word_correctness",
    "word_entropy",
    "word_logits",
    "word_uncertainty",
    "word_uncertainty_report",
]
