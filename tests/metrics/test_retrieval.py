"""Recall and ranks by hand, and ties against the mean over all orders."""

import itertools

import numpy as np
import pytest

from tfgen.metrics import retrieval_scores, similarity_retrieval_scores


def test_recall_by_hand():
    """2 images of 2 texts. Image 0: order of texts 2, 0, 3, 1, found at 2. Image 1: 3, ..., at 1.

    Texts: 0 has image 1 first (0.4 > 0.3): 2. 1: image 0 (0.1 > 0.0): 1. 2: image 0 first: 2.
    3: image 1: 1.
    """
    similarities = [[0.3, 0.1, 0.9, 0.2], [0.4, 0.0, 0.5, 0.8]]
    got = similarity_retrieval_scores(similarities, ks=[1, 2])
    assert got == {
        "image_to_text_recall@1": 0.5,
        "image_to_text_recall@2": 1.0,
        "image_to_text_median_rank": 1.5,
        "text_to_image_recall@1": 0.5,
        "text_to_image_recall@2": 1.0,
        "text_to_image_median_rank": 1.5,
    }


def test_own_texts_do_not_stand_in_each_others_way():
    """The best of an image's five texts counts, and the other four fill no rank before it."""
    similarities = np.zeros([2, 10])
    similarities[0, 4], similarities[0, 5:] = 0.9, 0.5
    similarities[1, 5:] = np.linspace(0.6, 1.0, 5)
    got = similarity_retrieval_scores(similarities, ks=[1])
    assert got["image_to_text_recall@1"] == 1
    assert got["image_to_text_median_rank"] == 1


def test_texts_may_belong_to_images_in_any_number_and_order():
    similarities = [[0.9, 0.1, 0.8], [0.2, 0.7, 0.1]]
    got = similarity_retrieval_scores(similarities, [0, 1, 0], ks=[1])
    assert got["text_to_image_recall@1"] == got["image_to_text_recall@1"] == 1
    got = similarity_retrieval_scores(similarities, [1, 0, 0], ks=[1])
    assert got["text_to_image_recall@1"] == pytest.approx(1 / 3)


def by_all_orders(similarities, owners, k):
    """Share of queries found at k and ranks, the mean over all orders of the texts."""
    recalls, ranks = [], []
    for order in itertools.permutations(range(len(owners))):
        sort = np.array(order)[np.argsort(-similarities[:, order], axis=1, kind="stable")]
        rank = [list(owners[row]).index(image) + 1 for image, row in enumerate(sort)]
        recalls.append(np.array(rank) <= k)
        ranks.append(rank)
    return np.mean(recalls), np.median(np.mean(ranks, axis=0))


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6])
def test_ties_count_as_the_mean_over_all_orders(k):
    random = np.random.RandomState(k)
    owners = np.array([0, 1, 2, 0, 1, 0])
    similarities = random.randint(0, 3, size=[3, 6])
    got = similarity_retrieval_scores(similarities, owners, ks=[k])
    recall, rank = by_all_orders(similarities, owners, k)
    assert got[f"image_to_text_recall@{k}"] == pytest.approx(recall)
    assert got["image_to_text_median_rank"] == pytest.approx(rank)


def test_one_code_for_all_scores_what_chance_does():
    """Text to image: K of 20 images. Image to text, 5 right of 100: 1 - C(95, K) / C(100, K)."""
    got = retrieval_scores(np.ones([20, 7]), np.ones([100, 7]))
    for k in (1, 5, 10):
        assert got[f"text_to_image_recall@{k}"] == pytest.approx(k / 20)
        miss = np.prod([(95 - j) / (100 - j) for j in range(k)])
        assert got[f"image_to_text_recall@{k}"] == pytest.approx(1 - miss)
    assert got["text_to_image_median_rank"] == pytest.approx(10.5)
    assert got["image_to_text_median_rank"] == pytest.approx(101 / 6)


def test_same_codes_are_found_at_once_whatever_their_length():
    codes = np.random.RandomState(0).normal(size=[30, 8])
    texts = np.repeat(codes, 5, axis=0) * np.random.RandomState(1).uniform(0.1, 9, size=[150, 1])
    got = retrieval_scores(codes, texts, ks=[1, 7])
    assert set(got.values()) == {1.0}


@pytest.mark.parametrize("block", [1, 7, 4096])
def test_blocks_do_not_change_the_numbers(block):
    random = np.random.RandomState(0)
    images, texts = random.normal(size=[20, 6]), random.normal(size=[60, 6])
    texts += np.repeat(images, 3, axis=0)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (images, texts)]
    expected = similarity_retrieval_scores(unit[0] @ unit[1].T)
    assert retrieval_scores(images, texts, block=block) == pytest.approx(expected)
    recalls = [expected[f"text_to_image_recall@{k}"] for k in (1, 5, 10)]
    assert 0.1 < recalls[0] < recalls[1] < recalls[2] <= 1


@pytest.mark.parametrize(
    ("images", "texts", "owners", "message"),
    [
        ([[1.0]], [[1.0, 0.0]], None, r"\(1, 1\) and \(1, 2\)"),
        ([[1.0], [1.0]], [[1.0]] * 3, None, "3 texts are not the same number for each of 2"),
        ([[1.0], [1.0]], [[1.0]] * 3, [0, 0, 0], "each image has a text"),
        ([[1.0], [0.0]], [[1.0]] * 2, None, r"image_codes\[1\] has the norm 0"),
        ([[1.0]], [[np.nan]], None, r"text_codes\[0\] has the norm nan"),
        ([1.0], [[1.0]], None, r"image_codes is \[items, size\]; got \(1,\)"),
    ],
)
def test_codes_that_do_not_fit_are_refused(images, texts, owners, message):
    with pytest.raises(ValueError, match=message):
        retrieval_scores(np.array(images), np.array(texts), owners)


def test_similarities_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        similarity_retrieval_scores([[np.nan, 1.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="counts from 1"):
        similarity_retrieval_scores([[1.0]], ks=[0])
