"""Configurations: dataclasses with strict overrides from YAML files and the command line."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import os
import pathlib
import typing
from typing import Any, Dict, Iterable, Optional, TypeVar, Union

import yaml
from official.modeling.hyperparams import Config

__all__ = ["Config", "ConfigError", "flatten", "load_config", "save_config"]

ConfigType = TypeVar("ConfigType", bound=Config)


class ConfigError(ValueError):
    """A setting is unknown, of the wrong type or out of range; the message says which and why."""


def load_config(
    config: ConfigType,
    yaml_file: Optional[Union[str, os.PathLike]] = None,
    overrides: Iterable[str] = (),
) -> ConfigType:
    """A copy of `config` with the settings of a YAML file, then those of `overrides`, applied.

    Strict: only keys that the dataclass declares, only values of the declared types. An int is
    accepted where a float is declared, "1e-3" too (which YAML itself takes for a string), and a
    list where a tuple is.

    ```python
    from tfgen.training import TrainingConfig

    config = load_config(TrainingConfig(), overrides=["learning_rate=1e-3", "schedule.type=cosine"])
    ```

    Args:
      config: a dataclass on `official.modeling.hyperparams.Config`; it stays as it is.
      yaml_file: a YAML file with nested keys; only those that differ need to be there.
      overrides: "a.b=c", where c is YAML: 3, 1e-3, true, null, [1, 2], cosine. "a.b=" is
        the empty text.

    Raises:
      ConfigError: names the key, what was got, what was wanted, and the nearest valid key.
    """
    config = copy.deepcopy(config)
    if yaml_file is not None:
        _apply(config, _read_yaml(yaml_file), "")
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key.strip():
            raise ConfigError(
                f"Cannot read the setting {override!r}; wanted key=value, for "
                "example training.learning_rate=1e-3."
            )
        try:
            value = yaml.safe_load(text) if text.strip() else ""
        except yaml.YAMLError as error:
            raise ConfigError(f"{key}: cannot read the value {text!r} as YAML: {error}") from error
        names = key.strip().split(".")
        for name in reversed(names):
            value = {name: value}
        _apply(config, value, "")
    _validate(config, "")
    return config


def save_config(config: Config, path: Union[str, os.PathLike]) -> None:
    """Writes the whole configuration as YAML, in the order in which the keys are declared."""
    text = yaml.safe_dump(_plain(config.as_dict()), sort_keys=False, default_flow_style=None)
    path = pathlib.Path(path)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def flatten(values: Any, prefix: str = "") -> Dict[str, Any]:
    """The settings of a Config or of nested dicts as one dict with dotted keys."""
    if isinstance(values, Config):
        values = _plain(values.as_dict())
    flat: Dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _read_yaml(yaml_file) -> Dict[str, Any]:
    try:
        values = yaml.safe_load(pathlib.Path(yaml_file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read {yaml_file}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{yaml_file} is not a YAML file: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{yaml_file} holds a {type(values).__name__}; wanted key: value lines.")
    return values


def _apply(config: Config, values: Dict[str, Any], prefix: str) -> None:
    annotations = typing.get_type_hints(type(config))
    fields = {field.name: annotations[field.name] for field in dataclasses.fields(config)}
    for name, value in values.items():
        key = f"{prefix}{name}"
        if name not in fields:
            raise ConfigError(_unknown(key, name, config, prefix))
        current = getattr(config, name)
        if isinstance(current, Config):
            if not isinstance(value, dict):
                raise ConfigError(
                    f"{key}: got {value!r}; wanted settings of its own: "
                    f"{', '.join(key + '.' + field for field in _names(current))}."
                )
            _apply(current, value, key + ".")
        else:
            setattr(config, name, _coerce(key, value, fields[name]))


def _unknown(key: str, name: Any, config: Config, prefix: str) -> str:
    valid = _names(config)
    near = difflib.get_close_matches(str(name), valid, 1, 0.5)
    if near:
        hint = f"Did you mean {prefix}{near[0]}?"
    else:
        deeper = [
            known for known in flatten(config, prefix) if known.rsplit(".", 1)[-1] == str(name)
        ]
        hint = f"Did you mean {deeper[0]}?" if deeper else f"Valid keys: {', '.join(valid)}."
    return f"Unknown setting {key}. {hint}"


def _names(config: Config):
    return [field.name for field in dataclasses.fields(config)]


def _coerce(key: str, value: Any, wanted: Any) -> Any:
    """The value as the annotated type, or a ConfigError."""
    result = _converted(value, wanted)
    if result is _NO_MATCH:
        near = ""
        if isinstance(value, str) and typing.get_origin(wanted) is typing.Literal:
            match = difflib.get_close_matches(value, map(str, typing.get_args(wanted)), 1)
            near = f" Did you mean {match[0]}?" if match else ""
        raise ConfigError(
            f"{key}: got {value!r} ({type(value).__name__}); wanted {_describe(wanted)}.{near}"
        )
    return result


_NO_MATCH = object()


def _converted(value: Any, wanted: Any) -> Any:
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is Any:
        return value
    if origin is Union:
        matches = (_converted(value, argument) for argument in arguments)
        return next((match for match in matches if match is not _NO_MATCH), _NO_MATCH)
    if origin is typing.Literal:
        return value if value in arguments else _NO_MATCH
    if origin in (list, tuple) or wanted in (list, tuple):
        return _converted_sequence(value, origin or wanted, arguments)
    if wanted is type(None):
        return None if value is None else _NO_MATCH
    if wanted is float:
        return _as_float(value)
    if isinstance(value, bool) and wanted is not bool:
        return _NO_MATCH
    return value if isinstance(wanted, type) and isinstance(value, wanted) else _NO_MATCH


def _converted_sequence(value: Any, kind: type, arguments: tuple) -> Any:
    if not isinstance(value, (list, tuple)):
        return _NO_MATCH
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(arguments) != len(value):
            return _NO_MATCH
        wanted = arguments
    else:
        wanted = (arguments[0] if arguments else Any,) * len(value)
    items = [_converted(item, element) for item, element in zip(value, wanted)]
    return _NO_MATCH if any(item is _NO_MATCH for item in items) else kind(items)


def _as_float(value: Any) -> Any:
    if isinstance(value, bool):
        return _NO_MATCH
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return _NO_MATCH
    return _NO_MATCH


def _describe(wanted: Any) -> str:
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Union:
        return " or ".join(_describe(argument) for argument in arguments)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (list, tuple):
        elements = [_describe(argument) for argument in arguments if argument is not Ellipsis]
        return f"a {origin.__name__} of {', '.join(elements)}"
    if wanted is type(None):
        return "null"
    return getattr(wanted, "__name__", str(wanted))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _validate(config: Config, prefix: str) -> None:
    """Calls validate() of every configuration of the tree, naming the place of what is wrong."""
    for name in _names(config):
        value = getattr(config, name)
        if isinstance(value, Config):
            _validate(value, f"{prefix}{name}.")
    try:
        config.validate()
    except ConfigError as error:
        raise ConfigError(f"{prefix}{error}") from error
