"""A client with TensorFlow alone: calls every signature of an export and writes the results.

    python -I plain_client.py EXPORT_VERSION REQUESTS.json RESULTS.json

REQUESTS is a list of {"signature", "inputs": {name: nested lists}}. RESULTS is, for each, a dict
of name -> {"dtype", "shape", "values"}. Importing anything of tfgen, or a package that a client
need not have, fails.
"""

import json
import sys

FORBIDDEN = {
    *("tfgen", "zoo", "recipes", "tensorflow_probability", "tensorflow_addons", "keras_nlp"),
    *("official", "tensorflow_text", "tensorflow_datasets", "sklearn", "scipy", "matplotlib"),
    *("PIL", "gin", "yaml"),
}


class Blocker:
    """Stands first in sys.meta_path and refuses the packages above."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in FORBIDDEN:
            raise ImportError(f"{name} is not there for a plain client")


def main(version, requests_path, results_path):
    sys.meta_path.insert(0, Blocker())
    try:
        import tfgen  # noqa: F401
    except ImportError:
        pass
    else:
        raise SystemExit("The blocker does not block.")
    import tensorflow as tf

    # Each graph runs once: to optimise it would take longer than that.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    with open(requests_path, encoding="utf-8") as file:
        requests = json.load(file)
    model = tf.saved_model.load(version)
    results = []
    for request in requests:
        function = model.signatures[request["signature"]]
        specs = function.structured_input_signature[1]
        inputs = {
            name: tf.constant(value, specs[name].dtype) for name, value in request["inputs"].items()
        }
        outputs = {}
        for name, tensor in function(**inputs).items():
            values = tensor.numpy().tolist()
            text = json.dumps(values, default=lambda value: value.decode())
            outputs[name] = {"dtype": tensor.dtype.name, "values": json.loads(text)}
        results.append(outputs)
    assert not FORBIDDEN & {name.split(".")[0] for name in sys.modules}, "a forbidden import"
    with open(results_path, "w", encoding="utf-8") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
