"""Caption scores against sums worked out by hand and against pycocoevalcap."""

import itertools
import math
import sys

import numpy as np
import pytest

from tfgen.metrics import CAPTION_METRICS_WITHOUT_JAVA as WITHOUT_JAVA
from tfgen.metrics import candidate_scores, caption_scores, oracle_scores
from tfgen.metrics.bleu import leave_one_out_bleu, pairwise_bleu, sentence_bleu
from tfgen.metrics.cider import CiderSimilarity
from tfgen.metrics.ngrams import NGramCounts

WORDS = "a the dog cat red ball box on in under runs sits big small".split()


def random_captions(random, count, shortest=1, longest=12):
    lengths = random.randint(shortest, longest, size=count)
    return [" ".join(random.choice(WORDS, size=length)) for length in lengths]


@pytest.fixture(scope="module")
def corpus():
    """Captions with many repeated words, of all lengths from one word on."""
    random = np.random.RandomState(0)
    references = [random_captions(random, random.randint(1, 6)) for _ in range(12)]
    candidates = [random_captions(random, 7) for _ in range(12)]
    return references, candidates


def score(metric, references, candidates):
    return caption_scores(references, candidates, metrics=[metric]).scores[metric]


def test_ngrams_are_counted_within_sentences_alone():
    sentences = [["a", "b", "a", "b"], [], ["b", "a"], ["a"]]
    ngrams = NGramCounts(sentences, order=3)
    # 1-grams: a, b; 2-grams by number of (first, second): ab, ba; 3-grams: aba, bab.
    expected = [[2, 2, 2, 1, 1, 1], [0] * 6, [1, 1, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(ngrams.counts.toarray(), expected)
    np.testing.assert_array_equal(ngrams.orders, [1, 1, 2, 2, 3, 3])
    np.testing.assert_array_equal(ngrams.lengths, [4, 0, 2, 1])
    # Sentences 0 and 3 are one document, 2 is another, 1 is in none.
    frequency = ngrams.document_frequency(np.array([0, -1, 1, 0]))
    np.testing.assert_array_equal(frequency, [2, 2, 1, 2, 1, 1])


def test_bleu_by_hand():
    """Candidate "the cat sat on the mat", reference "the cat is on the mat".

    1-grams: the x2, cat, on, mat of 6 match: 5/6. 2-grams: the cat, on the, the mat of 5: 3/5.
    3-grams: on the mat of 4: 1/4. 4-grams: none of 3. Lengths are equal: no penalty.
    """
    result = caption_scores(
        [["The cat is on the mat."]], ["the cat sat on the mat"], metrics=WITHOUT_JAVA
    )
    bleu = [result.scores[f"BLEU-{n}"] for n in (1, 2, 3, 4)]
    expected = [5 / 6, math.sqrt(5 / 6 * 3 / 5), (5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3)]
    np.testing.assert_allclose(bleu[:3], expected, rtol=1e-6)
    assert bleu[3] < 1e-3


def test_bleu_of_a_short_caption_pays_for_its_brevity():
    """Four of six words, all in place: precision 1, penalty exp(1 - 6/4)."""
    assert score("BLEU-4", [["the cat is on the mat"]], ["the cat is on"]) == pytest.approx(
        math.exp(-0.5), rel=1e-6
    )


def test_bleu_of_a_set_is_not_the_mean_of_its_sentences():
    """One-word sets: matches are 1 of 1 and 1 of 3, of the set 2 of 4; lengths are equal."""
    references, candidates = [["dog"], ["cat red box"]], ["dog", "cat dog dog"]
    result = caption_scores(references, candidates, metrics=["BLEU-1"])
    assert result.scores["BLEU-1"] == pytest.approx(2 / 4, rel=1e-6)
    np.testing.assert_allclose(result.per_example["BLEU-1"], [1, 1 / 3], rtol=1e-6)


def test_rouge_by_hand():
    """ "a dog runs" in "a big dog now runs fast": 3 words in order. P = 3/3, R = 3/6, beta 1.2."""
    expected = (1 + 1.44) * 1 * 0.5 / (0.5 + 1.44 * 1)
    assert score("ROUGE-L", [["a big dog now runs fast"]], ["a dog runs"]) == pytest.approx(
        expected
    )


def test_cider_by_hand():
    """Two images with "red ball" and "blue ball": log 2 is the idf of red, blue and the pairs.

    ball is in both: idf log 2 - log 2 = 0. The candidate "red box": of its 1-grams red has the
    idf log 2, box, which no reference has, log 2 - log 1. Against "red ball" (vector red alone)
    the cosine of 1-grams is 1/sqrt 2; "red box" is no 2-gram of it: 0. There are no 3-grams:
    CIDEr = 10 * (1/sqrt 2) / 4, and the same for CIDEr-D, where lengths are equal.
    The candidate "blue ball ball": 1-grams cosine 1; 2-grams "blue ball" and "ball ball" against
    "blue ball": 1/sqrt 2. CIDEr-D has one word too many: exp(-1/72).
    """
    references = [["red ball"], ["blue ball"]]
    result = caption_scores(references, ["red box", "blue ball ball"], metrics=WITHOUT_JAVA)
    plain = [10 / 4 / math.sqrt(2), 10 / 4 * (1 + 1 / math.sqrt(2))]
    np.testing.assert_allclose(result.per_example["CIDEr"], plain)
    clipped = [plain[0], plain[1] * math.exp(-1 / 72)]
    np.testing.assert_allclose(result.per_example["CIDEr-D"], clipped)
    assert result.scores["CIDEr"] == pytest.approx(np.mean(plain))


def test_cider_clips_what_is_repeated_in_cider_d_alone():
    """ "red red red red ball" for "red ball": 1-grams of red alone, 4 against 1.

    The cosine is 1 without clipping; with it min(4, 1) * 1 / (4 * 1) = 1/4. 2-grams: red red x3
    and red ball against red ball: 1/sqrt 10 both ways. 3 words too many.
    """
    result = caption_scores(
        [["red ball"], ["blue ball"]],
        ["red red red red ball", "blue ball"],
        metrics=["CIDEr", "CIDEr-D"],
    )
    assert result.per_example["CIDEr"][0] == pytest.approx(10 / 4 * (1 + 10**-0.5))
    assert result.per_example["CIDEr-D"][0] == pytest.approx(
        10 / 4 * (1 / 4 + 10**-0.5) * math.exp(-9 / 72)
    )


def test_caption_that_is_the_only_reference_scores_ten():
    texts = ["a red ball rolls", "one blue box stands", "two cats sleep here"]
    result = caption_scores([[text] for text in texts], texts, metrics=WITHOUT_JAVA)
    for metric in ("CIDEr", "CIDEr-D"):
        np.testing.assert_allclose(result.per_example[metric], 10)
    for metric in WITHOUT_JAVA[:5]:
        assert result.scores[metric] == pytest.approx(1, abs=1e-6)


def cider_by_loops(references, candidates, clip):
    """CIDEr from its definition, with dictionaries."""

    def grams(text, n):
        words = text.split()
        return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]

    def idf(gram):
        images = sum(any(gram in grams(r, len(gram)) for r in group) for group in references)
        return math.log(len(references)) - math.log(max(1, images))

    def vector(text, n):
        return {gram: grams(text, n).count(gram) * idf(gram) for gram in set(grams(text, n))}

    scores = []
    for group, candidate in zip(references, candidates):
        total = 0.0
        for reference in group:
            gap = len(candidate.split()) - len(reference.split())
            for n in (1, 2, 3, 4):
                c, r = vector(candidate, n), vector(reference, n)
                norms = math.hypot(*c.values(), 0) * math.hypot(*r.values(), 0)
                if norms:
                    inner = sum((min(c[g], r[g]) if clip else c[g]) * r[g] for g in c if g in r)
                    total += inner / norms * (math.exp(-(gap**2) / 72) if clip else 1) / 4
        scores.append(10 * total / len(group))
    return scores


def test_cider_of_random_captions_is_its_definition(corpus):
    references, candidates = corpus
    first = [group[0] for group in candidates]
    result = caption_scores(references, first, metrics=["CIDEr", "CIDEr-D"])
    for metric, clip in (("CIDEr", False), ("CIDEr-D", True)):
        expected = cider_by_loops(references, first, clip)
        np.testing.assert_allclose(result.per_example[metric], expected, atol=1e-12)
    assert result.scores["CIDEr"] > result.scores["CIDEr-D"] > 0.1


def test_many_candidates_score_as_pycocoevalcap_scores_each(corpus):
    references, candidates = corpus
    many = candidate_scores(references, candidates)
    assert list(many) == list(WITHOUT_JAVA)
    for place in range(7):
        one = caption_scores(references, [g[place] for g in candidates], metrics=WITHOUT_JAVA)
        for metric in WITHOUT_JAVA:
            got = [scores[place] for scores in many[metric]]
            np.testing.assert_allclose(got, one.per_example[metric], rtol=1e-9, atol=1e-12)


def test_bleu_among_captions_is_bleu_against_the_lists(corpus):
    captions = corpus[1][0] + corpus[1][0][:2]
    ngrams = NGramCounts([text.split() for text in captions])
    rows = range(len(captions))
    left = leave_one_out_bleu(ngrams, rows)
    pairs = pairwise_bleu(ngrams, rows, rows[:4])
    for row in rows:
        others = [other for other in rows if other != row]
        np.testing.assert_allclose(left[row], sentence_bleu(ngrams, [row], others)[0], rtol=1e-12)
        for other in rows[:4]:
            expected = sentence_bleu(ngrams, [row], [other])[0]
            np.testing.assert_allclose(pairs[row, other], expected, rtol=1e-12)


def test_plain_cider_is_a_kernel(corpus):
    texts = [text.split() for text in itertools.chain(*corpus[1], *corpus[0])]
    documents = np.repeat(np.arange(-1, 12), [84, *map(len, corpus[0])])
    kernel = CiderSimilarity(NGramCounts(texts), documents).plain(range(84), range(84))
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-15)
    assert np.linalg.eigvalsh(kernel)[0] > -1e-12
    assert kernel.max() <= 1 + 1e-12


def test_oracle_takes_the_best_sample_for_each_metric():
    scores = {
        "BLEU-1": [np.array([0.2, 0.6, 0.4]), np.array([0.1, 0.0, 0.5])],
        "CIDEr": [np.array([3.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0])],
    }
    assert oracle_scores(scores, 1) == pytest.approx({"BLEU-1": 0.15, "CIDEr": 1.5})
    assert oracle_scores(scores, 2) == pytest.approx({"BLEU-1": 0.35, "CIDEr": 2.0})
    assert oracle_scores(scores) == pytest.approx({"BLEU-1": 0.55, "CIDEr": 2.0})
    for wrong in (0, 4):
        with pytest.raises(ValueError, match=f"from 1 to 3.*got {wrong}"):
            oracle_scores(scores, wrong)


def test_oracle_never_falls_with_the_samples(corpus):
    scores = candidate_scores(*corpus)
    table = np.array([list(oracle_scores(scores, n).values()) for n in range(1, 8)])
    assert (np.diff(table, axis=0) >= 0).all() and (table[-1] > table[0]).all()


def test_caption_without_words_scores_zero_and_an_empty_reference_is_left_out():
    references = [["a red ball", "", "."], ["a blue box"], ["a cat"]]
    result = caption_scores(references, ["...", "a blue box", "a cat"], metrics=WITHOUT_JAVA)
    clean = caption_scores(
        [["a red ball"], *references[1:]], ["", "a blue box", "a cat"], WITHOUT_JAVA
    )
    many = candidate_scores(references, [["...", "a"], ["a blue box"], ["a cat"]])
    for metric in WITHOUT_JAVA:
        assert result.per_example[metric][0] == pytest.approx(0, abs=1e-12)
        assert many[metric][0][0] == pytest.approx(0, abs=1e-12)
        np.testing.assert_array_equal(result.per_example[metric], clean.per_example[metric])


def test_cider_of_one_image_is_missing_with_its_reason():
    result = caption_scores([["a ball"]], ["a ball"], metrics=["BLEU-1", "CIDEr-D"])
    assert set(result.scores) == set(result.per_example) == {"BLEU-1"}
    assert "needs 2 images" in result.missing["CIDEr-D"]
    with pytest.raises(ValueError, match="needs 2 images"):
        candidate_scores([["a ball"]], [["a ball"]], metrics=["CIDEr"])


@pytest.mark.parametrize(
    ("references", "candidates", "message"),
    [
        ([], [], "references is empty"),
        ([["a"]], ["a", "b"], "1 lists and 2 candidates"),
        ([["a"], []], ["a", "b"], r"references\[1\] is \[\].*Leave the image out"),
        ([["a"], ["."]], ["a", "b"], r"references\[1\] is \['.'\]"),
        ([["a"], "a cat"], ["a", "b"], r"references\[1\] is the str 'a cat'"),
        ([["a"], ["a", 3]], ["a", "b"], "is of int, not a str"),
        ([["a"]], "a", "one candidate for each list"),
    ],
)
def test_captions_that_do_not_fit_are_refused(references, candidates, message):
    with pytest.raises(ValueError, match=message):
        caption_scores(references, candidates, metrics=["BLEU-1"])


def test_candidates_and_metrics_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"candidates\[1\] is empty"):
        candidate_scores([["a"], ["b"]], [["a"], []])
    with pytest.raises(ValueError, match="2 and 1 lists"):
        candidate_scores([["a"], ["b"]], [["a"]])
    with pytest.raises(ValueError, match="got 'BLEU'"):
        caption_scores([["a"]], ["a"], metrics=["BLEU"])
    with pytest.raises(ValueError, match="got 'CIDEr'"):
        caption_scores([["a"]], ["a"], metrics="CIDEr")


def test_scorers_say_nothing(corpus, capfd):
    caption_scores(corpus[0], [group[0] for group in corpus[1]], metrics=WITHOUT_JAVA)
    assert capfd.readouterr() == ("", "")


def test_without_pycocoevalcap_the_error_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("pycocoevalcap")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pycocoevalcap", None)
    references, candidates = [["a red ball"], ["a box"]], ["a ball", "one box"]
    for metric in ("BLEU-1", "ROUGE-L", "CIDEr-D"):
        with pytest.raises(ImportError, match="pip install pycocoevalcap"):
            caption_scores(references, candidates, metrics=[metric])
    result = caption_scores(references, candidates, metrics=["CIDEr", "METEOR"])
    assert set(result.scores) == {"CIDEr"}
    assert "Java" in result.missing["METEOR"] or "pip install" in result.missing["METEOR"]
    many = candidate_scores(references, [[text] for text in candidates], ["BLEU-1", "CIDEr-D"])
    assert many["BLEU-1"][1] == pytest.approx(0.5)
