"""The open vocabulary: words as captioning splits them, ids, files, and an export."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import CaptionVocabulary, DataError, Vocabulary, array_source, split_words
from tfgen.data.with_words import with_words

TEXTS = ["A man's dog.", "a dog, a DOG!", "the cat", "the man"]


@pytest.fixture(scope="module")
def vocabulary():
    return CaptionVocabulary.from_texts(TEXTS, minimum_count=2, length=6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog's ball, on-the-lawn!", "a dogs ball on the lawn"),
        ("  Two\tlines\n(here)  ", "two lines here"),
        ("Ein HÜNDCHEN läuft", "ein hündchen läuft"),
        ("СОБАКА бежит", "собака бежит"),
        ("小さな犬が走る。", "小さな犬が走る"),
        ("dog🐕cat ❤️ 5€", "dog 🐕 cat ❤ 5"),
        ("<start> <pad> x", "start pad x"),
        ("...!?", ""),
        ("", ""),
        (b"caf\xe9", "caf \ufffd"),
    ],
)
def test_words(text, words):
    text = text if isinstance(text, bytes) else text.encode()
    found = split_words(tf.constant([text])).to_list()[0]
    assert [word.decode() for word in found] == words.split()


def test_words_are_counted_and_ordered(vocabulary):
    # a: 3, dog: 3, the: 2; cat, man and mans: 1 and 2 with the apostrophe gone apart.
    assert vocabulary.words == ["<pad>", "<start>", "<end>", "<unk>", "a", "dog", "the"]
    assert (vocabulary.pad_id, vocabulary.start_id) == (0, 1)
    assert (vocabulary.end_id, vocabulary.unknown_id) == (2, 3)
    assert CaptionVocabulary.from_texts(TEXTS, 1, most_words=2).words[4:] == ["a", "dog"]
    with pytest.raises(ValueError, match="None of the 6 words of 4 texts occurs 9 times"):
        CaptionVocabulary.from_texts(TEXTS, 9)


def test_ids_and_back(vocabulary):
    texts = ["A dog!", "", "the bird", "a dog the dog the dog", "a dog the dog"]
    ids = vocabulary.encode(texts)
    assert ids.dtype == tf.int32 and ids.shape == [5, 6]
    wanted = [
        [1, 4, 5, 2, 0, 0],
        [1, 2, 0, 0, 0, 0],
        [1, 6, 3, 2, 0, 0],
        [1, 4, 5, 6, 5, 2],  # cut
        [1, 4, 5, 6, 5, 2],
    ]
    np.testing.assert_array_equal(ids, wanted)
    back = [text.decode() for text in vocabulary.decode(ids).numpy()]
    assert back == ["a dog", "", "the <unk>", "a dog the dog", "a dog the dog"]
    np.testing.assert_array_equal(vocabulary.encode(back), wanted)
    # Of any length, without <start>, with what a model may write after <end>.
    odd = vocabulary.decode([[[4, 0, 5, 2, 5, 2], [2, 4, 4, 4, 4, 4]]]).numpy()
    assert odd.tolist() == [[b"a dog", b""]]


def test_nothing_that_a_person_types_stops_it(vocabulary):
    texts = ["x" * 10000, "a " * 5000, "🐕‍🦺" * 50, b"\xff\xfe", "\0", "a\u2028b", "'" * 9]
    ids = vocabulary.encode(tf.constant(texts)).numpy()
    assert ids.shape == (7, 6) and (ids[:, 0] == 1).all() and (ids == 2).sum(1).tolist() == [1] * 7
    assert ids[0].tolist() == [1, 3, 2, 0, 0, 0] and ids[1].tolist() == [1, 4, 4, 4, 4, 2]
    with pytest.raises(ValueError, match=r"shape \[batch\]; got shape \(\)"):
        vocabulary.encode("a single text")


def test_it_is_a_vocabulary_for_sources(vocabulary):
    source = array_source({"text": np.array([b"a dog", b"the cat"])})
    words = with_words(source, vocabulary).batches(2)
    np.testing.assert_array_equal(
        next(iter(words))["words"], [[1, 4, 5, 2, 0, 0], [1, 6, 3, 2, 0, 0]]
    )
    assert vocabulary.allowed.shape == (6, 7) and vocabulary.allowed.all()
    assert vocabulary.slots is None and vocabulary.blank == "<pad>"
    assert repr(vocabulary) == (
        "CaptionVocabulary(7 words, texts of any words, of which the first 4 are read)"
    )


def test_files(vocabulary, tmp_path):
    slots = Vocabulary(["a", "b"], slots=[["a"], ["a", "b"]])
    for number, kept in enumerate((vocabulary, slots)):
        path = str(tmp_path / f"deep/{number}.json")
        kept.save(path)
        again = Vocabulary.load(path)
        assert type(again) is type(kept) and again.get_config() == kept.get_config()
    assert len(list((tmp_path / "deep").iterdir())) == 2
    with pytest.raises(DataError, match="There is no vocabulary"):
        Vocabulary.load(str(tmp_path / "none.json"))
    for content in ("{", "[]", '{"class": "Other", "config": {}}'):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(DataError, match=r"bad.json is not a file of a Vocabulary"):
            Vocabulary.load(str(tmp_path / "bad.json"))
    with pytest.raises(DataError, match="not a file of a CaptionVocabulary"):
        CaptionVocabulary.load(path)


def test_it_travels_in_an_export(vocabulary, tmp_path):
    class Holder(tf.Module):
        def __init__(self):
            super().__init__()
            self.vocabulary = vocabulary

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def there_and_back(self, texts):
            return self.vocabulary.decode(self.vocabulary.encode(texts))

    tf.saved_model.save(Holder(), str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    found = loaded.there_and_back(tf.constant(["The DOG's, the dog 🐕"])).numpy()
    assert found.tolist() == [b"the <unk> the dog"]


def test_bad_parts():
    with pytest.raises(ValueError, match="four different special words"):
        CaptionVocabulary(["<pad>", "<start>", "<end>", "a"])
    with pytest.raises(ValueError, match="four different special words"):
        CaptionVocabulary(["a", "b", "c"], blank="a", start="a", end="b", unknown="c")
    with pytest.raises(ValueError, match="length is 3 or more"):
        CaptionVocabulary(["<pad>", "<start>", "<end>", "<unk>"], length=2)
