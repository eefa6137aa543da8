"""Keras layers and networks."""

from tfgen.bijectors.dense_coupling_network import DenseCouplingNetwork
from tfgen.layers.bidirectional_text_encoder import BidirectionalTextEncoder
from tfgen.layers.channel_prior_network import ChannelPriorNetwork
from tfgen.layers.conv_lstm import ConvLSTM
from tfgen.layers.coupling_convolutions import CouplingConvolutions
from tfgen.layers.dropout import StatelessDropout
from tfgen.layers.gated_attention_network import GatedAttentionNetwork
from tfgen.layers.gated_pixel_cnn import GatedPixelCNN
from tfgen.layers.gated_residual import GatedResidual
from tfgen.layers.masked_convolution import MaskedConvolution, MaskedConvolutions
from tfgen.layers.pixel_cnn_plus_plus import PixelCNNPlusPlus
from tfgen.layers.pixel_sampling import sample_pixels, sample_pixels_naively
from tfgen.layers.recurrence import Recurrence
from tfgen.layers.recurrent_text_decoder import RecurrentTextDecoder
from tfgen.layers.residual_convolution import ConvolutionNorm, ResidualBlock
from tfgen.layers.residual_dense import DenseNorm, ResidualDense
from tfgen.layers.residual_stream import ResidualStream
from tfgen.layers.scaled_convolution import NormalisedConvolution, ZeroConvolution
from tfgen.layers.spectral_convolution import SpectralConvolution
from tfgen.layers.text import AutoregressiveTextDecoder, TextEncoder
from tfgen.layers.text_generation import GeneratedTexts, generate_texts
from tfgen.layers.u_net import BatchNorm, UNet
from tfgen.layers.vector_quantiser import Quantised, VectorQuantiser
from tfgen.layers.weight_normalised_convolution import WeightNormalisedConvolution, concat_elu
from tfgen.layers.word_mask import word_mask

__all__ = [
    "AutoregressiveTextDecoder",
    "BatchNorm",
    "BidirectionalTextEncoder",
    "ChannelPriorNetwork",
    "ConvLSTM",
    "ConvolutionNorm",
    "CouplingConvolutions",
    "DenseCouplingNetwork",
    "DenseNorm",
    "GatedAttentionNetwork",
    "GatedPixelCNN",
    "GatedResidual",
    "GeneratedTexts",
    "MaskedConvolution",
    "MaskedConvolutions",
    "NormalisedConvolution",
    "PixelCNNPlusPlus",
    "Quantised",
    "Recurrence",
    "RecurrentTextDecoder",
    "ResidualBlock",
    "ResidualDense",
    "ResidualStream",
    "SpectralConvolution",
    "StatelessDropout",
    "TextEncoder",
    "UNet",
    "VectorQuantiser",
    "WeightNormalisedConvolution",
    "ZeroConvolution",
    "concat_elu",
    "generate_texts",
    "sample_pixels",
    "sample_pixels_naively",
    "word_mask",
]
