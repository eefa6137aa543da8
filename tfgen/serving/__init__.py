"""Export to SavedModel with a model card, and loading an export back."""

from tfgen.serving.card import Card
from tfgen.serving.errors import ServingError
from tfgen.serving.export import export
from tfgen.serving.image_features import ExportedFeatures
from tfgen.serving.layout import find_version, versions_in
from tfgen.serving.load import LoadedModel, load

__all__ = [
    "Card",
    "ExportedFeatures",
    "LoadedModel",
    "ServingError",
    "export",
    "find_version",
    "load",
    "versions_in",
]
