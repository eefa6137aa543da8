"""Words of captions: by hand, and as the official tokeniser cuts them."""

import shutil
import subprocess

import pytest

from tfgen.metrics import caption_tokens

WORDS = {
    "A dog's bowl, the dogs' beds;  it's \"nice\"!": "a dog 's bowl the dogs beds it 's nice",
    "He isn't there \u2013 they can't.": "he is n't there they ca n't",
    "a black-and-white photo -- of a t-shirt": "a black-and-white photo of a t-shirt",
    "a man (smiling)\nwith [red] hat": "a man -lrb- smiling -rrb- with -lsb- red -rsb- hat",
    "It\u2019s 10:30 a.m. in the U.S.": "it 's 10:30 a.m. in the u.s.",
    "Mr. Smith on main st. with 1,000 people.": "mr. smith on main st. with 1,000 people",
    "a dog , a cat... and/or 3.5 birds": "a dog a cat and/or 3.5 birds",
    "they cannot, gonna, they'll o'clock": "they can not gon na they 'll o'clock",
    "50% off, $5.00 and #1 at AT&T": "50 % off $ 5.00 and # 1 at at&t",
    "what?! a caf\u00e9 \u65e5\u672c": "what ?! a caf\u00e9 \u65e5\u672c",
    "a <unk> of 80's music for 5-10": "a <unk> of 80 's music for 5-10",
    "'tis one.Two three": "'t is one.two three",
    "this is plan b.": "this is plan b.",
    "": "",
    " \n ": "",
    ". . !": "",
}


@pytest.mark.parametrize("caption", WORDS)
def test_words_by_hand(caption):
    assert caption_tokens([caption]) == [WORDS[caption].split()]


@pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java here")
def test_the_official_tokeniser_cuts_the_same_words(capfd):
    assert caption_tokens(list(WORDS), "ptb") == [words.split() for words in WORDS.values()]
    assert capfd.readouterr() == ("", "")


def test_long_and_odd_captions_are_cut_all_the_same():
    words = caption_tokens(
        ["a.b" * 5000, "dog's " * 2000, "'" * 10000, "\U0001f600", "\x00\u2028a"]
    )
    assert len(words[0]) == 1
    assert words[1] == ["dog", "'s"] * 2000
    assert words[2:] == [[], ["\U0001f600"], ["\x00", "a"]]


def test_missing_java_and_wrong_input_are_said(monkeypatch):
    with pytest.raises(ValueError, match="'nltk'"):
        caption_tokens(["a"], "nltk")
    with pytest.raises(ValueError, match="Caption 1 is of NoneType"):
        caption_tokens(["a", None])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match='"ptb" needs the command java; "plain" needs neither'):
        caption_tokens(["a"], "ptb")


def test_failure_in_java_is_said_with_its_words(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, stdout=b"", stderr=b"no memory")
    monkeypatch.setattr(shutil, "which", lambda name: "java")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: failed)
    with pytest.raises(RuntimeError, match="gave 0 lines for 1 captions.*no memory"):
        caption_tokens(["a", ""], "ptb")
