"""The signatures of an export: named tensors in, a dict of tensors out, defaults, checks."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, List, Mapping

import tensorflow as tf

from tfgen.serving.errors import ServingError
from tfgen.serving.layout import RESERVED_NAMES
from tfgen.serving.request_checks import check_request

__all__ = ["concrete_signature", "describe_signature", "signature_functions", "with_defaults"]


def signature_functions(model) -> Dict[str, Callable]:
    """The tf.functions of a model with signatures(), or of a dict of them; names are checked."""
    functions = model.signatures() if hasattr(model, "signatures") else model
    if not isinstance(functions, Mapping) or not functions:
        raise ServingError(
            "An export needs a dict of tf.functions, or a model whose signatures() returns one; "
            f"got {type(model).__name__} with signatures {functions!r}."
        )
    for name in functions:
        if not str(name).isidentifier() or name in RESERVED_NAMES or name.startswith("_"):
            raise ServingError(
                f"{name!r} cannot name a signature: it becomes a Python method, so it must be an "
                f"identifier and none of {sorted(RESERVED_NAMES)}."
            )
    return dict(functions)


def concrete_signature(name: str, function) -> tf.types.experimental.ConcreteFunction:
    """Traces a signature, which takes named tensors and returns a dict of them."""
    if not hasattr(function, "get_concrete_function"):
        if hasattr(function, "structured_input_signature"):
            return _checked(name, function)
        raise ServingError(
            f"The signature {name!r} is a {type(function).__name__}, not a tf.function. "
            "Decorate it with tf.function(input_signature=[...])."
        )
    try:
        return _checked(name, function.get_concrete_function())
    except (TypeError, ValueError) as error:
        if isinstance(error, ServingError):
            raise
        if getattr(function, "input_signature", None) is None:
            raise ServingError(
                f"The signature {name!r} has no input_signature; pass one to its tf.function."
            ) from error
        raise


def _checked(name, function):
    """The concrete function, whose inputs are named tensors and whose output is a dict of them."""
    for spec in _input_specs(function):
        if not isinstance(spec, tf.TensorSpec) or not spec.name:
            raise ServingError(
                f"The signature {name!r} takes {spec!r}; only tensors can be served."
            )
    outputs = function.structured_outputs
    if not isinstance(outputs, Mapping) or not outputs:
        raise ServingError(
            f"The signature {name!r} returns {type(outputs).__name__}; a signature returns a dict "
            'of named tensors, for example {"images": images}.'
        )
    for key, value in outputs.items():
        if not isinstance(key, str) or not isinstance(value, (tf.Tensor, tf.TensorSpec)):
            raise ServingError(
                f"The signature {name!r} returns {key!r}: {type(value).__name__}; only dense "
                "tensors with a name can be served."
            )
    return function


def _input_specs(function) -> List[tf.TensorSpec]:
    arguments, keywords = function.structured_input_signature
    return [*arguments, *keywords.values()]


def with_defaults(name: str, function, defaults: Mapping[str, Any]):
    """A tf.function of the same inputs that checks requests and has defaults.

    TensorFlow writes Python defaults that are tensors into the SavedModel's signature.

    Args:
      name: of the signature.
      function: concrete function.
      defaults: argument name -> value; other names than the function's are ignored.
    """
    required, optional = [], []
    for spec in _input_specs(function):
        if spec.name in defaults:
            optional.append((spec, _default(name, spec, defaults[spec.name])))
        else:
            required.append((spec, inspect.Parameter.empty))
    parameters = [
        inspect.Parameter(spec.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
        for spec, default in required + optional
    ]

    def call(*values, **named):
        bound = call.__signature__.bind(*values, **named)
        with check_request(bound.arguments):
            return function(**bound.arguments)

    call.__name__ = name
    call.__signature__ = inspect.Signature(parameters)
    return tf.function(
        call, input_signature=[spec for spec, _ in required + optional], autograph=False
    )


def _default(name, spec, value):
    try:
        return tf.ensure_shape(tf.constant(value, spec.dtype), spec.shape)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError):
        raise ServingError(
            f"The card's default {spec.name}={value!r} does not fit the signature {name!r}, which "
            f"takes {spec.dtype.name} {spec.shape}."
        ) from None


def describe_signature(served, function) -> Dict[str, Any]:
    """The signature for the card: inputs in the order of a call, outputs by name."""
    inputs = {}
    for parameter, spec in zip(
        served.python_function.__signature__.parameters.values(), served.input_signature
    ):
        inputs[parameter.name] = _describe_tensor(spec)
        if parameter.default is not parameter.empty:
            inputs[parameter.name]["default"] = parameter.default.numpy().tolist()
    outputs = function.structured_outputs
    return {
        "inputs": inputs,
        "outputs": {key: _describe_tensor(outputs[key]) for key in outputs},
    }


def _describe_tensor(tensor) -> Dict[str, Any]:
    shape = tensor.shape.as_list() if tensor.shape.rank is not None else None
    return {"dtype": tensor.dtype.name, "shape": shape}
