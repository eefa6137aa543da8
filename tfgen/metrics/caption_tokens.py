"""The words of captions as the captioning field counts them."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from typing import List, Sequence

from tfgen.metrics.coco_scorers import coco_scorer

__all__ = ["caption_tokens", "tokenize_sets"]

# What the list of pycocoevalcap leaves out. Its names for brackets are upper case and never match
# the words of the tokeniser, which are lower case: brackets stay in.
PUNCTUATION = re.compile(r"'+|`+|\"|\.+|-+|[?!,:;]")
BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
# Words that the Penn Treebank cuts in two, though no "n't" or "'s" ends them.
TWO_WORDS = {
    "cannot": ["can", "not"],
    "gimme": ["gim", "me"],
    "gonna": ["gon", "na"],
    "gotta": ["got", "ta"],
    "lemme": ["lem", "me"],
    "wanna": ["wan", "na"],
    "y'all": ["y'", "all"],
}
# Words that keep their full stop, as do single letters.
ABBREVIATIONS = (
    "mr|mrs|ms|dr|st|jr|sr|vs|mt|ft|no|etc|co|inc|ltd|corp|ave|blvd|bldg|dept|bros|est|sq|sgt|maj|pres|"
    "lt|col|capt|gov|gen|rev|prof|sen|rep|mon|jan|feb|mar|apr|aug|sept|oct|nov|dec"
)
TOKEN = re.compile(
    rf"""
    (?:[^\W\d_]\.)+(?!\w)                          # u.s., a.m., plan b.
    | (?:{ABBREVIATIONS})\.(?!\w)
    | </?[a-z]+>                                    # <unk>
    | [#@][^\W\d_]\w*
    | \d+(?:[.,:/]\d+)+(?:-[^\W_]+)*                # 1,000 and 10:30 and 3.5-inch
    | (?-i:[A-Z]+(?:&[A-Z]+)+)                      # AT&T
    | [^\W_]+(?:(?:[-./@]|'(?=[^\W\d_]))[^\W_]+)*   # half-eaten, o'clock, his/her
    | '(?:s|m|d|re|ve|ll|em)(?!\w) | 't(?=is\b|was\b)
    | \.{{2,}} | --+ | ''+ | ``+ | _+ | [?!]{{2,}}
    | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)
CLITIC = re.compile(r"(.+?)(n't|'(?:s|m|d|re|ve|ll))")
PLAIN_SIGNS = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": " -- ",
        "\u2014": " -- ",
        "\u2026": "...",
    }
)


def caption_tokens(captions: Sequence[str], tokenizer: str = "plain") -> List[List[str]]:
    """Splits captions into the words that BLEU, CIDEr and the others count.

    The rules of the field are those of the Penn Treebank: lower case, "don't" is "do n't" and
    "dog's" is "dog 's", words with a hyphen stay whole, and punctuation is removed.

    ```python
    caption_tokens(["A dog's ball, isn't it?"])  # [["a", "dog", "'s", "ball", "is", "n't", "it"]]
    ```

    Args:
      captions: any text; line breaks count as spaces.
      tokenizer: "plain" needs nothing; "ptb" is the official one, the Stanford tokeniser within
        pycocoevalcap, and needs Java. They agree on captions as people write them; addresses of
        the web, signs of currency and emoji (a word in "plain", dropped by "ptb") they treat
        differently.

    Returns:
      A list of words for each caption; empty for a caption without a word.

    Raises:
      ValueError: there is no such tokeniser, or a caption is not a str.
      ImportError: "ptb" without pycocoevalcap.
      RuntimeError: "ptb" finds no Java, no jar file, or fails.
    """
    for index, caption in enumerate(captions):
        if not isinstance(caption, str):
            raise ValueError(f"Caption {index} is of {type(caption).__name__}, not a str.")
    if tokenizer == "plain":
        return [_plain_tokens(caption) for caption in captions]
    if tokenizer == "ptb":
        return _ptb_tokens(captions)
    raise ValueError(f'tokenizer is "plain" or "ptb"; got {tokenizer!r}.')


def tokenize_sets(
    sets: Sequence[Sequence[str]], tokenizer: str, name: str
) -> List[List[List[str]]]:
    """`caption_tokens` of each caption of each image.

    Raises:
      ValueError: an entry of `sets`, called `name` in the message, is no list of captions.
    """
    for index, captions in enumerate(sets):
        if isinstance(captions, str):
            raise ValueError(
                f"{name} takes a list of captions for each image; {name}[{index}] is the str "
                f"{captions!r}. Put it into a list."
            )
    tokens = iter(caption_tokens(list(itertools.chain(*sets)), tokenizer))
    return [list(itertools.islice(tokens, len(captions))) for captions in sets]


def _plain_tokens(caption):
    words = []
    for word in TOKEN.findall(caption.translate(PLAIN_SIGNS)):
        word = word.lower()
        if word in TWO_WORDS:
            words += TWO_WORDS[word]
            continue
        clitic = CLITIC.fullmatch(word)
        if clitic:
            words += clitic.groups()
        elif not PUNCTUATION.fullmatch(word):
            words.append(BRACKETS.get(word, word))
    return words


def _ptb_tokens(captions):
    ptbtokenizer = coco_scorer("tokenizer.ptbtokenizer")
    directory = os.path.dirname(os.path.abspath(ptbtokenizer.__file__))
    jar = os.path.join(directory, ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR)
    if shutil.which("java") is None or not os.path.exists(jar):
        missing = "the command java" if os.path.exists(jar) else jar
        raise RuntimeError(f'The tokenizer "ptb" needs {missing}; "plain" needs neither.')
    lines = [" ".join(caption.split()) for caption in captions]
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", jar]
    command += ["edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase"]
    # A line of its own for each caption that has text; the tokeniser drops some empty lines.
    text = "".join(f"{line}\n" for line in lines if line)
    result = subprocess.run(command, input=text.encode(), capture_output=True)
    cut = result.stdout.decode().split("\n")[:-1]
    if result.returncode or len(cut) != sum(map(bool, lines)):
        raise RuntimeError(
            f'The tokenizer "ptb" gave {len(cut)} lines for {sum(map(bool, lines))} captions; '
            f"its last words: {result.stderr.decode()[-500:]}"
        )
    cut, left_out = iter(cut), set(ptbtokenizer.PUNCTUATIONS)
    words = (next(cut).split() if line else [] for line in lines)
    return [[word for word in sentence if word not in left_out] for sentence in words]
