"""Variational autoencoders: hierarchies, flow posteriors, interchangeable priors, VQ-VAE."""

from zoo.vae.comparison import PriorStudyConfig, compare_priors, load_vae, train_priors
from zoo.vae.config import LatentPriorConfig, VAEConfig
from zoo.vae.evaluation import VAEEvaluationConfig, measure_vae, measure_vq_vae
from zoo.vae.hierarchy import Inference
from zoo.vae.job import PriorJob
from zoo.vae.likelihood import Likelihood
from zoo.vae.model import VAE
from zoo.vae.vq_autoencoder import VQAutoencoder
from zoo.vae.vq_config import VQVAEConfig
from zoo.vae.vq_job import VQJob
from zoo.vae.vq_study import (
    VQStudyConfig,
    load_vq_vae,
    measure_vq_vaes,
    train_vq_vaes,
)
from zoo.vae.vq_vae import VQVAE

__all__ = [
    "VQJob",
    "PriorJob",
    "VAE",
    "VQVAE",
    "Inference",
    "LatentPriorConfig",
    "Likelihood",
    "PriorStudyConfig",
    "VAEConfig",
    "VAEEvaluationConfig",
    "VQAutoencoder",
    "VQStudyConfig",
    "VQVAEConfig",
    "compare_priors",
    "load_vae",
    "load_vq_vae",
    "measure_vae",
    "measure_vq_vaes",
    "train_vq_vaes",
    "measure_vq_vae",
    "train_priors",
]
