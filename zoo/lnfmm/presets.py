"""Settings of the comparisons of captioning models."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict

from tfgen.training import ScheduleConfig, TrainingConfig
from zoo.lnfmm.config import CaptionNetworkConfig, LNFMMConfig, LNFMMWeights
from zoo.lnfmm.evaluation import CaptionEvaluationConfig

__all__ = ["caption_presets"]


def caption_presets(preset: str) -> Dict[str, Any]:
    """Fields of a `CaptionStudyConfig`.

    The paper preset has the sizes of the thesis, and the weights of the released code. Its steps
    are 300 epochs of COCO's 118 287 images. One Adam serves all parts; as in the released code the
    image encoder has a tenth of its rate, and image encoder and decoder no momentum. It clips the
    common norm of the gradient, where the released code clips values, part by part.

    Args:
      preset: smoke, quick, embedded or paper.
    """
    if preset == "paper":
        training = TrainingConfig(
            steps=277_235,
            batch_size=128,
            learning_rate=1e-4,
            part_rates=["image_encoder=0.1"],
            part_beta_1=["image_encoder=0.0", "image_decoder=0.0"],
            clip_norm=100.0,
            precision="auto",
        )
        return {"caption_length": 40, "training": training}
    if preset == "smoke":
        return _smoke()
    rate = {"learning_rate": 2e-3, "clip_norm": 100.0}
    rate["schedule"] = ScheduleConfig(type="cosine", warmup_steps=100, end_factor=0.02)
    same = {"caption_length": 26}
    if preset == "embedded":
        return {
            **same,
            "models": ("lnfmm", "cvae", "mse", "ag_cvae"),
            "model": _small_model(kl_warmup_steps=2000),
            "training": TrainingConfig(steps=12_000, batch_size=32, **rate),
            "evaluation": CaptionEvaluationConfig(images=500, training_images=5_000),
        }
    return {
        **same,
        "model": _small_model(kl_warmup_steps=300),
        "seeds": 3,
        "training": TrainingConfig(steps=600, batch_size=32, steps_per_epoch=150, **rate),
        "evaluation": CaptionEvaluationConfig(
            images=200, samples=20, oracle=(5, 20), training_images=2_000, texts=100
        ),
    }


def _small_model(**changes) -> LNFMMConfig:
    """Images of 64 pixels and short captions, for two CPU cores and an export of 8 MB."""
    networks = CaptionNetworkConfig(
        image_width=24,
        feature_units=176,
        patch_size=4,
        attention_size=8,
        word_embedding=64,
        text_state=160,
        text_layers=1,
        decoder_embedding=64,
        decoder_state=224,
        word_dropout=0.3,
        embedding_dropout=0.1,
    )
    # A text has tens of nats, an image thousands: these weights make them about equal. Below its
    # weight in the bound the prior's KL leaves the latents something to say, and a strong pull on
    # the shared codes, before images say anything, makes constants of them. Posteriors as wide as
    # the base say nothing at first; narrow ones say noise, which the prior learns to say as well.
    weights = LNFMMWeights(
        alignment=0.005,
        text_prior=0.05,
        image_prior=0.05,
        text=0.5,
        image=0.001,
        crossed_text=1.0,
        crossed_image=0.001,
    )
    model = LNFMMConfig(
        shared_size=64,
        text_size=16,
        image_size=16,
        text_scale=1.0,
        image_scale=0.25,
        base_scale=1.0,
        alignment_steps=4,
        alignment_units=96,
        text_prior_steps=6,
        text_prior_units=96,
        image_prior_steps=6,
        image_prior_units=96,
        beams=1,
        weights=weights,
        networks=networks,
    )
    return dataclasses.replace(model, **changes)


def _smoke() -> Dict[str, Any]:
    networks = CaptionNetworkConfig(
        image_size=16,
        feature_units=4,
        patch_size=2,
        image_width=2,
        attention_size=4,
        word_embedding=4,
        text_state=4,
        text_layers=1,
        decoder_embedding=4,
        decoder_state=4,
    )
    model = LNFMMConfig(
        shared_size=6,
        text_size=2,
        image_size=2,
        alignment_steps=1,
        alignment_units=4,
        text_prior_steps=1,
        text_prior_units=4,
        image_prior_steps=1,
        image_prior_units=4,
        beams=1,
        networks=networks,
    )
    return {
        "models": ("lnfmm", "ag_cvae"),
        "minimum_count": 1,
        "caption_length": 12,
        "model": model,
        "training": TrainingConfig(steps=2, batch_size=4, steps_per_epoch=1),
        "evaluation": CaptionEvaluationConfig(
            samples=3,
            oracle=(2, 3),
            neighbours=2,
            best=2,
            batch_size=4,
            texts=4,
            images_per_text=2,
        ),
    }
