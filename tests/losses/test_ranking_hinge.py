"""The ranking hinge loss against loops, its gradient, and what it leaves out."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.losses import ranking_hinge

RANDOM = np.random.RandomState(0)
SIMILARITIES = RANDOM.uniform(-1, 1, size=[6, 6])


def by_loops(s, margin, negatives, paired=None, matching=None):
    count = len(s)
    losses = np.zeros(count)
    for i in range(count):
        texts, images = [0.0], [0.0]
        for j in range(count):
            if i == j or (paired is not None and not (paired[i] and paired[j])):
                continue
            if matching is None or not matching[i][j]:
                texts.append(max(0.0, margin + s[i][j] - s[i][i]))
            if matching is None or not matching[j][i]:
                images.append(max(0.0, margin + s[j][i] - s[i][i]))
        reduce = sum if negatives == "sum" else max
        losses[i] = reduce(texts) + reduce(images)
    return losses


@pytest.mark.parametrize("negatives", ["sum", "max"])
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_equals_the_formula_written_out(negatives, margin):
    paired = np.array([1, 1, 0, 1, 0, 1], bool)
    matching = np.zeros([6, 6], bool)
    matching[0, 3] = matching[5, 1] = True
    for options in (
        {},
        {"paired": paired},
        {"matching": matching},
        dict(zip(("paired", "matching"), (paired, matching))),
    ):
        got = ranking_hinge(tf.constant(SIMILARITIES), margin, negatives, **options)
        wanted = by_loops(SIMILARITIES, margin, negatives, **options)
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
        assert wanted.max() > 0.5


def test_zero_where_every_margin_is_kept_and_maximum_below_sum():
    kept = np.where(np.eye(6, dtype=bool), 0.9, 0.69)
    for negatives in ("sum", "max"):
        assert not ranking_hinge(kept, 0.2, negatives).numpy().any()
        assert ranking_hinge(kept, 0.3, negatives).numpy().all()
    total = ranking_hinge(SIMILARITIES, 0.2, "sum").numpy()
    hardest = ranking_hinge(SIMILARITIES, 0.2, "max").numpy()
    assert (hardest <= total).all() and (hardest < total).any()


def test_gradient_of_the_maximum_touches_the_hardest_negatives_alone():
    s = tf.constant([[0.5, 0.6, 0.4], [0.2, 0.5, 0.45], [0.55, 0.1, 0.5]])
    with tf.GradientTape() as tape:
        tape.watch(s)
        loss = ranking_hinge(s, 0.2, "max")[0]
    # Of image 0 text 1 is the hardest, of text 0 image 2; their pair pays for both.
    np.testing.assert_array_equal(tape.gradient(loss, s), [[-2, 1, 0], [0, 0, 0], [1, 0, 0]])


def test_without_pairs_there_is_no_loss_and_no_gradient():
    s = tf.constant(SIMILARITIES)
    with tf.GradientTape() as tape:
        tape.watch(s)
        loss = ranking_hinge(s, 0.2, "max", paired=np.zeros(6, bool))
    assert not loss.numpy().any() and not tape.gradient(loss, s).numpy().any()


def test_unknown_sizes_in_a_graph():
    function = tf.function(
        ranking_hinge, input_signature=[tf.TensorSpec([None, None], tf.float64)], autograph=False
    )
    for count in (1, 4):
        part = SIMILARITIES[:count, :count]
        np.testing.assert_allclose(function(part), by_loops(part, 0.2, "sum"))


def test_wrong_arguments_are_told():
    with pytest.raises(ValueError, match=r"\[N, N\].*got \(2, 3\)"):
        ranking_hinge(np.zeros([2, 3]))
    with pytest.raises(ValueError, match="one of sum, max; got 'mean'"):
        ranking_hinge(np.zeros([2, 2]), negatives="mean")
