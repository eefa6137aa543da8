"""Data sets as random-access sources, and the tf.data pipelines over them."""

from tfgen.data.array_source import array_source, array_splits
from tfgen.data.augmentation import shift_and_flip
from tfgen.data.captioned_folder import captioned_folder
from tfgen.data.captions_pairs import all_captions, caption_pairs
from tfgen.data.captions_vocabulary import CaptionVocabulary, split_words
from tfgen.data.celeba import CELEBA_BLANK, CELEBA_TEXT_LENGTH, CELEBA_WORDS, celeba
from tfgen.data.cifar10 import cifar10
from tfgen.data.clevr import clevr_folder
from tfgen.data.coco import coco, coco_split
from tfgen.data.digits import digits
from tfgen.data.errors import DataError, Problems
from tfgen.data.feature_cache import ImageBackbone, cached_features
from tfgen.data.flickr30k import flickr30k
from tfgen.data.image_files import ImageFiles, check_image_files, decode_image_file, fit_image
from tfgen.data.image_folder import image_folder, image_names
from tfgen.data.imagenet_small import imagenet32, imagenet64
from tfgen.data.materialise import in_memory
from tfgen.data.miniature_sets import write_cifar10, write_imagenet, write_mnist
from tfgen.data.mnist import mnist
from tfgen.data.photos import photos
from tfgen.data.plain_pickle import load_plain_pickle
from tfgen.data.published import read_prepared
from tfgen.data.regions import with_regions
from tfgen.data.rendering import render
from tfgen.data.scenes import HELD_OUT_SCENES, SceneSplits, describe_scene, scenes
from tfgen.data.scenes_captions import SceneDescription, SceneObject
from tfgen.data.scenes_facts import CaptionCheck, check_scene_caption, read_scene_caption
from tfgen.data.scenes_writer import write_scenes
from tfgen.data.semi_supervised import SemiSupervised, semi_supervised
from tfgen.data.source import Source, Splits
from tfgen.data.splitting import split_by_name
from tfgen.data.stateless import choose_row, example_seeds, seeded_uniform
from tfgen.data.toy import TOY_NAMES, toy, toy_entropy, toy_log_prob
from tfgen.data.two_objects import one_object, two_objects
from tfgen.data.two_objects_text import SentenceError, parse_sentence
from tfgen.data.unpacked import unpacked
from tfgen.data.vocabulary import Vocabulary
from tfgen.data.with_words import with_words

__all__ = [
    "CELEBA_BLANK",
    "CELEBA_TEXT_LENGTH",
    "CELEBA_WORDS",
    "HELD_OUT_SCENES",
    "TOY_NAMES",
    "CaptionCheck",
    "CaptionVocabulary",
    "DataError",
    "ImageBackbone",
    "ImageFiles",
    "Problems",
    "SceneDescription",
    "SceneObject",
    "SceneSplits",
    "SemiSupervised",
    "SentenceError",
    "Source",
    "Splits",
    "Vocabulary",
    "all_captions",
    "array_source",
    "array_splits",
    "cached_features",
    "caption_pairs",
    "captioned_folder",
    "celeba",
    "check_image_files",
    "check_scene_caption",
    "choose_row",
    "cifar10",
    "clevr_folder",
    "coco",
    "coco_split",
    "decode_image_file",
    "describe_scene",
    "digits",
    "example_seeds",
    "fit_image",
    "flickr30k",
    "image_folder",
    "image_names",
    "imagenet32",
    "imagenet64",
    "in_memory",
    "load_plain_pickle",
    "mnist",
    "one_object",
    "parse_sentence",
    "photos",
    "read_prepared",
    "read_scene_caption",
    "render",
    "scenes",
    "seeded_uniform",
    "semi_supervised",
    "shift_and_flip",
    "split_by_name",
    "split_words",
    "toy",
    "toy_entropy",
    "toy_log_prob",
    "two_objects",
    "unpacked",
    "with_regions",
    "with_words",
    "write_cifar10",
    "write_imagenet",
    "write_mnist",
    "write_scenes",
]
