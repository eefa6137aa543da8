"""Diversity of captions and consensus re-ranking on cases with known answers."""

import math

import numpy as np
import pytest

from tfgen.metrics import (
    caption_diversity,
    caption_scores,
    consensus_ranking,
    kernel_diversity,
    nearest_neighbours,
)

TRAINING = [["a red ball lies there", "one ball"], ["two cats sleep in here"], ["the sun is up"]]


def test_copies_of_one_caption_are_the_worst():
    """Five copies of a caption of five words: 5 different words of 25, 4 pairs of 25."""
    got = caption_diversity([["one red fox runs fast"] * 5] * 2, TRAINING)
    assert got["uniqueness"] == 1 / 5
    assert got["mBLEU-4"] == pytest.approx(1, abs=1e-6)
    assert got["Div-1"] == pytest.approx(5 / 25)
    assert got["Div-2"] == pytest.approx(4 / 25)
    assert got["Self-CIDEr"] == pytest.approx(0, abs=1e-7)
    assert got["novel"] == 10 and got["novel_share"] == 1


def test_captions_without_a_common_word_are_the_best():
    got = caption_diversity([["one red fox runs fast", "Two small cats sleep here!"]], TRAINING)
    assert got["uniqueness"] == got["Div-1"] == 1
    assert got["mBLEU-4"] == pytest.approx(0, abs=1e-3)
    assert got["Div-2"] == pytest.approx(8 / 10)
    assert got["Self-CIDEr"] == pytest.approx(1)


def test_diversity_by_hand():
    """Image 1: "a dog runs", "a dog", "A dog." Image 2: "one ball", "red ball".

    Uniqueness (2/3 + 1) / 2. Div-1: 3 of 7 words, 3 of 4. Div-2: 2 of 7, 2 of 4. "one ball" is a
    training caption, the other 4 of 5 are not.
    """
    captions = [["a dog runs", "a dog", "A dog."], ["one ball", "red ball"]]
    got = caption_diversity(captions, TRAINING)
    assert got["uniqueness"] == pytest.approx((2 / 3 + 1) / 2)
    assert got["Div-1"] == pytest.approx((3 / 7 + 3 / 4) / 2)
    assert got["Div-2"] == pytest.approx((2 / 7 + 2 / 4) / 2)
    assert (got["novel"], got["novel_share"]) == (4, 4 / 5)
    without = caption_diversity(captions)
    assert set(got) - set(without) == {"novel", "novel_share", "Self-CIDEr"}
    assert all(without[name] == got[name] for name in without)


def test_mutual_bleu_is_pycocoevalcap_of_each_against_the_rest():
    random = np.random.RandomState(0)
    words = "a the dog cat ball on in sits big".split()
    captions = [
        [" ".join(random.choice(words, size=random.randint(1, 12))) for _ in range(size)]
        for size in (2, 9)
    ]
    expected = []
    for group in captions:
        rest = [group[:place] + group[place + 1 :] for place in range(len(group))]
        scores = caption_scores(rest, group, metrics=["BLEU-4"]).per_example["BLEU-4"]
        expected.append(np.mean(scores))
    assert caption_diversity(captions)["mBLEU-4"] == pytest.approx(np.mean(expected), rel=1e-9)


def test_self_cider_by_hand():
    """Two captions of 4 words that share the first 2: a kernel [[1, s], [s, 1]].

    All idfs are log 3 (no training caption has the words). s = (2/4 + 1/3 + 0 + 0) / 4: 2 of 4
    words, 1 of 3 pairs. The eigenvalues are 1 + s and 1 - s.
    """
    s = (2 / 4 + 1 / 3) / 4
    strengths = math.sqrt(1 + s), math.sqrt(1 - s)
    expected = -math.log(strengths[0] / sum(strengths)) / math.log(2)
    got = caption_diversity([["x y p q", "x y u v"]], TRAINING)["Self-CIDEr"]
    assert got == pytest.approx(expected)


def test_kernel_diversity():
    assert kernel_diversity(np.eye(7)) == pytest.approx(1)
    assert kernel_diversity(3 * np.eye(7)) == pytest.approx(1)
    assert kernel_diversity(np.ones([100, 100])) == pytest.approx(0, abs=1e-6)
    assert kernel_diversity(np.zeros([4, 4])) == 0
    # Two groups of two equal captions: two topics of four.
    assert kernel_diversity(np.kron(np.eye(2), np.ones([2, 2]))) == pytest.approx(0.5)
    with pytest.raises(ValueError, match=r"\(1, 1\)"):
        kernel_diversity(np.eye(1))


def test_captions_without_words_are_alike():
    got = caption_diversity([["", "..."], ["", ""]], TRAINING)
    assert got["Div-1"] == got["Div-2"] == got["Self-CIDEr"] == 0
    assert got["uniqueness"] == 0.5 and got["mBLEU-4"] == 0


def test_diversity_refuses_what_has_none():
    with pytest.raises(ValueError, match=r"captions\[1\] has 1 captions"):
        caption_diversity([["a", "b"], ["a"]])
    with pytest.raises(ValueError, match="captions is empty"):
        caption_diversity([])
    with pytest.raises(ValueError, match="two or more images.*got 1"):
        caption_diversity([["a", "b"]], [["a"]])


@pytest.mark.parametrize("block", [1, 3, 1024])
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_nearest_neighbours_are_those_of_all_distances(distance, block):
    random = np.random.RandomState(0)
    queries, features = random.normal(size=[8, 5]), random.normal(size=[40, 5])
    if distance == "euclidean":
        # Far from the origin, where float32 squares would lose the differences.
        queries, features = queries.astype(np.float32) + 1000, features.astype(np.float32) + 1000
        gaps = np.linalg.norm(queries[:, None].astype(float) - features, axis=-1)
    else:
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, features)]
        gaps = 1 - unit[0] @ unit[1].T
    got = nearest_neighbours(queries, features, 6, distance, block)
    np.testing.assert_array_equal(got, np.argsort(gaps, axis=1)[:, :6])


def test_equal_features_come_in_their_order():
    features = np.array([[1.0], [0.0], [2.5], [0.0], [2.5], [0.0]])
    np.testing.assert_array_equal(
        nearest_neighbours([[1.0], [0.0]], features, 3), [[0, 1, 3], [1, 3, 5]]
    )


def test_neighbours_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="from 1 to 2; got 3"):
        nearest_neighbours([[0.0]], [[0.0], [1.0]], 3)
    with pytest.raises(ValueError, match=r"\(1, 2\) and \(1, 3\)"):
        nearest_neighbours([[0, 0]], [[0, 0, 0]], 1)
    with pytest.raises(ValueError, match="'manhattan'"):
        nearest_neighbours([[0.0]], [[0.0]], 1, distance="manhattan")


CANDIDATES = [["two cats sleep", "a red ball lies", "one ball"], ["the sun is up", "one ball"]]


@pytest.mark.parametrize("metric", ["CIDEr-D", "CIDEr", "BLEU-1", "BLEU-4"])
def test_candidates_like_the_neighbours_captions_come_first(metric):
    ranking = consensus_ranking(CANDIDATES, TRAINING, [[0], [2]], metric)
    assert ranking.order[0][-1] == 0 and ranking.scores[0][0] < 1e-2
    np.testing.assert_array_equal(ranking.order[1], [0, 1])
    other = consensus_ranking(CANDIDATES, TRAINING, [[1], [2]], metric)
    assert other.order[0][0] == 0


def test_consensus_score_by_hand():
    """ "one ball" against "a red ball lies there" and "one ball", by BLEU-1.

    Of the first 1 of 2 words and a brevity exp(1 - 5/2), of the second all. With best = 1 the
    second alone counts.
    """
    expected = (0.5 * math.exp(-1.5) + 1) / 2
    got = consensus_ranking([["one ball"]], TRAINING, [[0]], "BLEU-1").scores[0]
    np.testing.assert_allclose(got, [expected], rtol=1e-6)
    got = consensus_ranking([["one ball"]], TRAINING, [[0, 1]], "BLEU-1", best=1).scores[0]
    np.testing.assert_allclose(got, [1], rtol=1e-6)


def test_consensus_cider_has_the_idf_of_all_training_captions():
    """ "one ball", a training caption of its own image: plain 2/4, of the other caption less.

    The words one and ball are in the image 0 alone: idf log 3. "a red ball lies there" shares
    ball, 1 of 2 and 1 of 5 words: 1/sqrt 10 of the 1-grams, no 2-gram.
    """
    got = consensus_ranking([["one ball"]], TRAINING, [[0]], "CIDEr").scores[0]
    np.testing.assert_allclose(got, [10 * (2 / 4 + 1 / math.sqrt(10) / 4) / 2])


def test_ranking_does_not_depend_on_the_other_images():
    alone = consensus_ranking(CANDIDATES[:1], TRAINING, [[0, 1]])
    both = consensus_ranking(CANDIDATES, TRAINING, [[0, 1], [2, 1]])
    np.testing.assert_allclose(alone.scores[0], both.scores[0], rtol=1e-12)


def test_rankings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 1\) and 2 lists"):
        consensus_ranking(CANDIDATES, TRAINING, [[0]])
    with pytest.raises(ValueError, match="got 0"):
        consensus_ranking(CANDIDATES, TRAINING, [[0], [0]], best=0)
    with pytest.raises(ValueError, match="got 'ROUGE-L'"):
        consensus_ranking(CANDIDATES, TRAINING, [[0], [0]], metric="ROUGE-L")
    with pytest.raises(ValueError, match=r"image 1, training images \[1\].*no caption"):
        consensus_ranking(CANDIDATES, [["a ball"], ["."]], [[0], [1]])
