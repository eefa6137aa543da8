"""String in, string out: text encoder, decoder and generation inside a SavedModel."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.weights import set_weights
from tfgen import serving
from tfgen.data.vocabulary import Vocabulary
from tfgen.layers import (
    BidirectionalTextEncoder,
    RecurrentTextDecoder,
    generate_texts,
    word_mask,
)
from tfgen.losses import text_log_likelihood

LENGTH = 6
TEXTS = ["a red cube", "two cubes near a sphere", "-"]
METHODS = ("greedy", "top_p", "beam")


class Paraphraser(tf.keras.Model):
    """Encodes a text and says it anew, untrained."""

    def __init__(self):
        super().__init__()
        words = "a two red cube cubes sphere near -".split()
        self.vocabulary = Vocabulary(words, blank="-", length=LENGTH)
        self.end_id = words.index("-")
        size = self.vocabulary.size
        self.encoder = BidirectionalTextEncoder(size, state_size=6, embedding_size=4, output_size=5)
        self.decoder = RecurrentTextDecoder(size, state_size=8, embedding_size=4, code="both")
        words = self.vocabulary.encode(TEXTS)
        self.decoder(self.encode(words), words)
        set_weights(self.encoder, seed=1, scale=3.0)
        set_weights(self.decoder, seed=2, scale=3.0)

    def encode(self, words):
        return self.encoder(words, mask=word_mask(words, self.end_id))

    def paraphrase(self, method, texts, count, seed, temperature):
        drawn = generate_texts(
            self.decoder,
            self.encode(self.vocabulary.encode(texts)),
            end_id=self.end_id,
            length=LENGTH,
            method=method,
            count=count,
            seed=seed,
            temperature=temperature,
            top_k=4,
            beams=3,
        )
        texts = self.vocabulary.decode(drawn.words)
        return {"texts": texts, "lengths": drawn.lengths, "log_prob": drawn.log_prob}

    def score(self, texts):
        words = self.vocabulary.encode(texts)
        logits = self.decoder(self.encode(words), words)
        mask = word_mask(words, self.end_id)
        return {"log_prob": text_log_likelihood(logits, words, mask)}

    def signatures(self):
        specs = [
            tf.TensorSpec([None], tf.string, name="texts"),
            tf.TensorSpec([], tf.int32, name="count"),
            tf.TensorSpec([], tf.int64, name="seed"),
            tf.TensorSpec([], tf.float32, name="temperature"),
        ]

        def made(method):
            @tf.function(input_signature=specs)
            def paraphrase(texts, count, seed, temperature):
                return self.paraphrase(method, texts, count, seed, temperature)

            return paraphrase

        return {
            **{method: made(method) for method in METHODS},
            "score": tf.function(self.score, input_signature=specs[:1]),
        }


@pytest.fixture(scope="module")
def model():
    return Paraphraser()


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    card = serving.Card(
        name="paraphraser", system="paraphraser", summary="Says a text anew, untrained."
    )
    path = tmp_path_factory.mktemp("exports") / "paraphraser"
    return serving.load(serving.export(model, path, card))


@pytest.mark.parametrize("method", METHODS)
def test_export_gives_the_texts_of_the_model(model, exported, method):
    count = {"greedy": 1, "beam": 3}.get(method, 5)
    got = getattr(exported, method)(texts=TEXTS, count=count, seed=11, temperature=1.3)
    wanted = model.paraphrase(method, tf.constant(TEXTS), count, 11, 1.3)
    texts = np.vectorize(bytes.decode)(wanted["texts"].numpy())
    np.testing.assert_array_equal(got["texts"], texts)
    assert texts.shape == (3, count) and len(set(texts.ravel())) >= min(count, 3)
    np.testing.assert_array_equal(got["lengths"], wanted["lengths"])
    np.testing.assert_allclose(got["log_prob"], wanted["log_prob"], rtol=1e-4, atol=1e-5)
    again = getattr(exported, method)(texts=TEXTS, count=count, seed=11, temperature=1.3)
    np.testing.assert_array_equal(again["texts"], got["texts"])
    other = getattr(exported, method)(texts=TEXTS, count=count, seed=12, temperature=1.3)
    assert (other["texts"] != got["texts"]).any() == (method == "top_p")


def test_teacher_forcing_is_the_same_in_the_export(model, exported):
    wanted = model.score(tf.constant(TEXTS))["log_prob"]
    np.testing.assert_allclose(exported.score(texts=TEXTS)["log_prob"], wanted, rtol=1e-4)


def test_counts_that_a_search_does_not_have_are_refused(exported):
    with pytest.raises(serving.ServingError, match="Greedy search finds one text for a code"):
        exported.greedy(texts=TEXTS, count=2, seed=0, temperature=1.0)
    with pytest.raises(serving.ServingError, match="3 beams finds 3 texts at most; take more"):
        exported.beam(texts=TEXTS, count=4, seed=0, temperature=1.0)
    with pytest.raises(serving.ServingError, match="top_p: count is 0, but must be 1 or more"):
        exported.top_p(texts=TEXTS, count=0, seed=0, temperature=1.0)


def test_graph_has_no_op_that_serving_cannot_run(exported):
    """XLA's own ops, of which keras-nlp's loops are made, want a compiler; and it stays small."""
    saved = saved_model_pb2.SavedModel()
    content = (exported.path / "saved_model.pb").read_bytes()
    saved.ParseFromString(content)
    graph = saved.meta_graphs[0].graph_def
    ops = {node.op for node in graph.node}
    ops |= {node.op for function in graph.library.function for node in function.node_def}
    assert "StatelessWhile" in ops or "While" in ops
    assert not [op for op in ops if op.startswith("Xla")]
    assert len(content) < 2e6
