"""Installs tfgen: the library, its zoo of models, the training recipes and the `tfgen` command.

The ranges below are the newest set in which TensorFlow Probability, TensorFlow Addons, Keras NLP
and the TensorFlow Model Garden work on one Keras, on Python 3.9 to 3.11. The exact versions that
the tests run with (Python 3.11) are in requirements.lock.
"""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent


def read_version() -> str:
    text = (ROOT / "tfgen" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE).group(1)


def read_readme() -> str:
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


METRICS = ["pycocoevalcap>=1.2", "pycocotools>=2.0.6", "sacrebleu>=2.3"]
DEVELOPMENT = ["hypothesis>=6.80", "pytest>=7.4", "pytest-xdist>=3.3", "ruff>=0.6"]

setuptools.setup(
    name="tfgen",
    version=read_version(),
    description="Deep generative models for images and text on Keras and TensorFlow Probability",
    long_description=read_readme(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=setuptools.find_packages(
        include=["tfgen", "tfgen.*", "zoo", "zoo.*", "recipes", "recipes.*"]
    ),
    python_requires=">=3.9,<3.12",
    install_requires=[
        "tensorflow>=2.15.1,<2.16",
        "keras>=2.15,<2.16",
        "tf_keras>=2.15,<2.16",
        "tensorflow-probability>=0.23,<0.24",
        "tensorflow-addons>=0.23,<0.24",
        "tensorflow-text>=2.15,<2.16",
        "tensorboard>=2.15,<2.16",
        "keras-nlp>=0.8.2,<0.13",
        "tf-models-official>=2.15,<2.16",
        "tensorflow-datasets>=4.9",
        # The versions that take protobuf 4, as the Model Garden's dependencies and TensorFlow do.
        "tensorflow-metadata>=1.15,<1.16; python_version >= '3.11'",
        "tensorflow-metadata==1.13.1; python_version < '3.11'",
        "protobuf>=4.25,<5",
        # Later ones no longer have pkg_resources, which tensorflow-hub and others import.
        "setuptools>=64,<81",
        "numpy>=1.23.5,<2",
        # Entropy coding. Its 0.5 has no wheels for Python 3.9; 0.4 has.
        "constriction>=0.4,<0.6",
        "scipy>=1.9",
        "scikit-learn>=1.1",
        "matplotlib>=3.6",
        "pillow>=10.1",
        "pyyaml>=6.0",
    ],
    extras_require={
        "cuda": ["tensorflow[and-cuda]>=2.15.1,<2.16"],
        "metrics": METRICS,
        "dev": DEVELOPMENT + METRICS,
    },
    entry_points={"console_scripts": ["tfgen = recipes.command_line:main"]},
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
