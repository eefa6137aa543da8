"""Flows: NICE, Real NVP, Glow and Flow++ of images; Real NVP, MAF and IAF of vectors."""

from zoo.flows.architectures import make_flow, make_flow_distribution, make_priors
from zoo.flows.config import FlowConfig, PriorConfig
from zoo.flows.evaluation import FlowEvaluationConfig, measure_flow
from zoo.flows.model import ImageFlow
from zoo.flows.vector_flow import VectorFlow, VectorFlowConfig

__all__ = [
    "FlowConfig",
    "FlowEvaluationConfig",
    "ImageFlow",
    "PriorConfig",
    "VectorFlow",
    "VectorFlowConfig",
    "make_flow",
    "make_flow_distribution",
    "make_priors",
    "measure_flow",
]
