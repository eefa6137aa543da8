"""Classifiers of object attributes, and the correctness measured with them."""

from zoo.attribute_classifier.augmentation import augment, mirror
from zoo.attribute_classifier.correctness import correctness
from zoo.attribute_classifier.labels import ATTRIBUTES, ROLES, add_roles, role_classes
from zoo.attribute_classifier.model import AttributeClassifier, ClassifierConfig
from zoo.attribute_classifier.named_and_seen import named_and_seen
from zoo.attribute_classifier.scene_classifier import (
    SceneClassifier,
    SceneClassifierConfig,
    add_presence,
    vary_scenes,
)

__all__ = [
    "ATTRIBUTES",
    "AttributeClassifier",
    "ClassifierConfig",
    "ROLES",
    "SceneClassifier",
    "SceneClassifierConfig",
    "add_presence",
    "add_roles",
    "augment",
    "correctness",
    "mirror",
    "named_and_seen",
    "role_classes",
    "vary_scenes",
]
