"""Terms of objectives, in nats per example."""

from tfgen.losses.adversarial import discriminator_loss, fooling_loss, jensen_shannon_bound
from tfgen.losses.gaussian_kl import gaussian_kl
from tfgen.losses.importance_bound import importance_bound
from tfgen.losses.ranking_hinge import ranking_hinge
from tfgen.losses.text_log_likelihood import text_log_likelihood
from tfgen.losses.through_frozen import through_frozen

__all__ = [
    "discriminator_loss",
    "fooling_loss",
    "gaussian_kl",
    "importance_bound",
    "jensen_shannon_bound",
    "ranking_hinge",
    "text_log_likelihood",
    "through_frozen",
]
