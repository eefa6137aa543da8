"""Captioning sets: which caption goes with which image, splits, and bad input by name."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.caption_fixtures import karpathy, save_coco, solid, write_coco, write_flickr
from tfgen.data import (
    DataError,
    Source,
    all_captions,
    caption_pairs,
    captioned_folder,
    coco,
    coco_split,
    flickr30k,
)

SIZE = 4


def rows(source):
    """Features of every example."""
    return {
        name: value.numpy()
        for name, value in source.load(tf.range(source.count, dtype=tf.int64)).items()
    }


def by_image(splits, split):
    """The grey of each image of a split -> its captions."""
    batch = rows(getattr(splits, split))
    greys = np.round(batch["image"].mean((1, 2, 3))).astype(int)
    return {
        grey: [text.decode() for text in texts[:count]]
        for grey, texts, count in zip(greys, batch["captions"], batch["caption_count"])
    }


def refusal(function, *arguments, **settings):
    with pytest.raises(DataError) as error:
        function(*arguments, **settings)
    return str(error.value)


class TestCoco:
    def test_images_have_their_captions(self, tmp_path):
        write_coco(tmp_path)
        splits = coco(str(tmp_path), SIZE, validation_share=0.3)
        assert splits.description["counts"] == {"train": 4, "validation": 2, "test": 3}
        assert splits.description["captions"] == 18 and splits.description["captions_each"] == 2
        found = {}
        for split in ("train", "validation", "test"):
            found.update(by_image(splits, split))
        assert found == {
            10 * n: [f"Picture {n}, told for the time {k}." for k in range(2)] for n in range(1, 10)
        }
        assert set(by_image(splits, "test")) == {70, 80, 90}
        batch = rows(splits.test)
        assert batch["image_id"].tolist() == [7, 8, 9]
        assert batch["file_name"][0] == b"000000000007.png"
        assert splits.test.features["image_id"].dtype == tf.int64

    def test_folders_and_years(self, tmp_path):
        write_coco(tmp_path)
        (tmp_path / "images").mkdir()
        (tmp_path / "train2017").rename(tmp_path / "images/train2017")
        for file in (tmp_path / "val2017").iterdir():
            file.rename(tmp_path / "images" / file.name)
        assert coco(str(tmp_path), SIZE).description["skipped"]["images"]["count"] == 0
        contents = write_coco(tmp_path, "2014", train=3, val=1)
        assert "several years (2014, 2017): pass year=" in refusal(coco, str(tmp_path), SIZE)
        splits = coco(str(tmp_path), SIZE, year=2014)
        assert sum(splits.description["counts"].values()) == 4
        assert "of 2015 in" in refusal(coco, str(tmp_path), SIZE, year=2015)
        assert len(contents["train"]["images"]) == 3

    def test_karpathy_splits(self, tmp_path):
        write_coco(tmp_path)
        names = ["train", "restval", "val", "test", "test", "train", "val", "test", "restval"]
        folders = ["train2017"] * 6 + ["val2017"] * 3
        file = tmp_path / "dataset_coco.json"
        file.write_text(json.dumps(karpathy(names, folders)))
        splits = coco(str(tmp_path), SIZE, split_file=str(file))
        assert splits.description["counts"] == {"train": 4, "validation": 2, "test": 3}
        assert by_image(splits, "validation") == {30: ["A raw 3!"], 70: ["A raw 7!"]}
        splits = coco(str(tmp_path), SIZE, split_file=str(file), restval="validation")
        assert set(by_image(splits, "validation")) == {20, 30, 70, 90}

    def test_a_split_of_its_own(self, tmp_path):
        write_coco(tmp_path)
        source = coco_split(str(tmp_path), "val", SIZE)
        assert source.count == 3 and rows(source)["image_id"].tolist() == [7, 8, 9]
        assert "only ['train', 'val']" in refusal(coco_split, str(tmp_path), "held_out", SIZE)

    def test_bad_input_is_named_and_counted_and_nothing_else_is_lost(self, tmp_path):
        contents = write_coco(tmp_path)
        train = contents["train"]
        (tmp_path / "train2017/000000000001.png").unlink()
        (tmp_path / "train2017/000000000002.png").write_bytes(b"no image")
        Image.new("RGB", (1, 1)).save(tmp_path / "train2017/000000000003.png")
        train["images"] += [
            {"id": 4, "file_name": "again.png"},
            {"id": 50, "file_name": "silent.png"},
            {"file_name": "nameless.png"},
            {"id": 51},
        ]
        emoji, other = "小さな犬が走る 🐕‍🦺!", "Ein Hündchen, собака, كلب"
        train["annotations"][8]["caption"] = emoji  # image 5
        train["annotations"] += [
            {"image_id": 4, "id": 900, "caption": other},
            {"image_id": 4, "id": 901, "caption": ""},
            {"image_id": 4, "id": 902, "caption": " \n ... "},
            {"image_id": 4, "id": 903, "caption": "x" * 10000},
            {"image_id": 4, "id": 900, "caption": "of a used id"},
            {"image_id": 77, "id": 904, "caption": "of no image"},
            {"image_id": 4, "id": 905, "caption": None},
            {"id": 906, "caption": "of nothing"},
            {"image_id": 4, "id": 907, "caption": "line\nbreaks\tand \x07 bells"},
            "no annotation",
        ]
        save_coco(tmp_path, contents)
        message = refusal(coco, str(tmp_path), SIZE)
        assert "8 of 28 captions (28.57%) cannot be used; at most 1.00%" in message
        for part in (
            "captions_train2017.json, annotation 13 (id 901): is empty",
            "annotation 14 (id 902): is empty",
            "annotation 15 (id 903): has 10000 characters, at most 1000 are read",
            "annotation 16 (id 900): has the id of annotation 12",
            "annotation 17 (id 904): is of image 77, which is not listed",
            "annotation 18 (id 905): has no text but None",
            "annotation 19: lacks its image_id",
            "annotation 21: lacks its image_id",
        ):
            assert part in message
        message = refusal(coco, str(tmp_path), SIZE, max_bad_share=0.5)
        assert "7 of 13 images with captions (53.85%)" in message
        for part in (
            "again.png: has the id 4 of an earlier image, 000000000004.png",
            "captions_train2017.json, image 8: has the id None",
            "captions_train2017.json, image 9: lacks its file_name",
            "silent.png: has no caption that can be used",
            "000000000001.png: is missing",
            "000000000002.png: is not an image",
            "000000000003.png: is 1x1 pixels, wanted 8 at least a side",
        ):
            assert part in message
        splits = coco(str(tmp_path), SIZE, validation_share=0.0, max_bad_share=0.6)
        found = by_image(splits, "train")
        assert set(found) == {40, 50, 60} and set(by_image(splits, "test")) == {70, 80, 90}
        assert len(found[40]) == 4 and found[40][2:] == [other, "line breaks and bells"]
        assert found[50][0] == emoji
        skipped = splits.description["skipped"]
        assert skipped["images"]["count"] == 7 and skipped["captions"]["count"] == 8

    def test_cut_off_and_other_files(self, tmp_path):
        write_coco(tmp_path)
        file = tmp_path / "annotations/captions_train2017.json"
        whole = file.read_text()
        file.write_text(whole[: len(whole) // 2])
        message = refusal(coco, str(tmp_path), SIZE)
        assert f"{file} is not valid JSON" in message and "copied whole?" in message
        file.write_text('{"images": []}')
        assert 'has no list "annotations"' in refusal(coco, str(tmp_path), SIZE)
        file.write_text('{"images": [], "annotations": []}')
        assert "no images left for train" in refusal(coco, str(tmp_path), SIZE)
        file.unlink()
        assert "no captions_train*.json" in refusal(coco, str(tmp_path), SIZE)
        assert "There is no folder" in refusal(coco, str(tmp_path / "x"), SIZE)
        file = tmp_path / "splits.json"
        file.write_text("[]")
        wrong = refusal(coco, str(tmp_path), SIZE, split_file=str(file))
        assert "is not a split file" in wrong

    def test_odd_images_come_out_right(self, tmp_path):
        """Grey, RGBA, CMYK, turned by EXIF, and 8000 x 8000 pixels."""
        folder = tmp_path / "train2017"
        folder.mkdir(parents=True)
        Image.new("L", (20, 20), 60).save(folder / "grey.png")
        Image.new("RGBA", (20, 20), (200, 0, 0, 0)).save(folder / "clear.png")
        Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(folder / "cmyk.jpg")
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned to the right by a quarter
        turned = Image.new("RGB", (20, 20), (0, 0, 255))
        turned.paste((255, 255, 0), (0, 0, 10, 20))
        turned.save(folder / "turned.png", exif=exif)
        Image.new("1", (8000, 8000), 1).save(folder / "huge.png")
        names = ["grey.png", "clear.png", "cmyk.jpg", "turned.png", "huge.png"]
        content = {
            "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
            "annotations": [{"image_id": n, "id": n, "caption": "x"} for n in range(5)],
        }
        save_coco(tmp_path, {"train": content})
        batch = rows(coco_split(str(tmp_path), "train", SIZE, check="header"))
        means = batch["image"].mean((1, 2))
        np.testing.assert_allclose(means[0], 60)
        np.testing.assert_allclose(means[1], 255)
        assert means[2][0] > 200 and max(means[2][1:]) < 60
        np.testing.assert_allclose(batch["image"][3][0].mean(0), [255, 255, 0], atol=2)
        np.testing.assert_allclose(batch["image"][3][-1].mean(0), [0, 0, 255], atol=2)
        np.testing.assert_allclose(means[4], 255)


class TestFlickr30k:
    @pytest.mark.parametrize("form", ["token", "bar", "comma"])
    def test_three_forms(self, tmp_path, form):
        write_flickr(tmp_path, form)
        splits = flickr30k(str(tmp_path), SIZE, validation_share=0.2, test_share=0.2)
        assert splits.description["counts"] == {"train": 4, "validation": 1, "test": 1}
        found = {}
        for split in ("train", "validation", "test"):
            found.update(by_image(splits, split))
        wanted = {20 * n: [f'Man {n} says "hi" , {k} .' for k in range(2)] for n in range(1, 7)}
        # JPEG keeps a grey to within 1.
        nearest = {min(wanted, key=lambda w: abs(w - grey)): texts for grey, texts in found.items()}
        assert nearest == wanted
        assert sorted(rows(splits.train)["image_id"].tolist())[0] >= 1001

    def test_lists_of_splits(self, tmp_path):
        write_flickr(tmp_path, "token")
        lists = tmp_path / "lists"
        lists.mkdir()
        for name, numbers in (("train", (1001, 1002)), ("val", (1003,)), ("test", (1004,))):
            (lists / f"{name}.txt").write_text("\n".join(map(str, numbers)))
        splits = flickr30k(str(tmp_path), SIZE, split_file=str(lists))
        assert splits.description["counts"] == {"train": 2, "validation": 1, "test": 1}
        assert rows(splits.test)["image_id"].tolist() == [1004]
        (lists / "test.txt").write_text("1001.jpg")
        wrong = refusal(flickr30k, str(tmp_path), SIZE, split_file=str(lists))
        assert "1001.jpg is in the list of train too" in wrong

    def test_bad_lines_are_named(self, tmp_path):
        file = write_flickr(tmp_path, "bar")
        bad = b"1001.jpg| 4   A dog runs across the grass .\n1002.jpg| 0| again\n"
        file.write_bytes(file.read_bytes() + bad + b"1003.jpg| 3| caf\xe9\n")
        message = refusal(flickr30k, str(tmp_path), SIZE)
        assert "3 of 15 captions" in message
        assert "results.csv, line 14: wants NAME| NUMBER| CAPTION, is '1001.jpg| 4" in message
        assert "results.csv, line 15: is a second caption number 0 of 1002.jpg" in message
        assert "results.csv, line 16: is not UTF-8 (byte 17)" in message
        splits = flickr30k(str(tmp_path), SIZE, max_bad_share=0.25)
        assert splits.description["captions"] == 12


class TestCaptionedFolder:
    def write(self, folder, name, text):
        for number in range(1, 6):
            solid(folder / f"photos/{number}.png", 30 * number)
        (folder / name).write_text(text, encoding="utf-8")
        return str(folder / name)

    CONTENTS = {
        "a.csv": 'split,file_name,text\n,photos/1.png,"one, with a comma"\nval,photos/2.png,two\n'
        'test,photos\\3.png,"over\ntwo lines"\ntrain,photos/1.png,one again\n',
        "a.tsv": "photos/1.png\tone, with a comma\nphotos/1.png\tone again\nphotos/2.png\ttwo\n"
        "photos/3.png\tover two lines\n",
        "a.jsonl": '{"file_name": "photos/1.png", "text": ["one, with a comma", "one again"]}\n'
        '{"image": "photos/2.png", "caption": "two", "split": "validation"}\n\n'
        '{"image": "./photos/3.png", "captions": ["over two lines"], "split": "test"}\n',
        "a.json": '[{"file_name": "photos/1.png", "texts": ["one, with a comma", "one again"]},'
        '{"image": "photos/2.png", "caption": "two", "split": "val"},'
        '{"image": "photos/3.png", "captions": ["over two lines"], "split": "test"}]',
    }

    @pytest.mark.parametrize("name", CONTENTS)
    def test_forms(self, tmp_path, name):
        file = self.write(tmp_path, name, "\ufeff" + self.CONTENTS[name])
        splits = captioned_folder(str(tmp_path), file, SIZE)
        parts = [by_image(splits, split) for split in ("train", "validation", "test")]
        wanted = {30: ["one, with a comma", "one again"], 60: ["two"], 90: ["over two lines"]}
        assert {**parts[0], **parts[1], **parts[2]} == wanted
        if name != "a.tsv":
            assert parts == [{grey: wanted[grey]} for grey in (30, 60, 90)]

    def test_an_open_quote_spoils_its_line_alone(self, tmp_path):
        lines = [f"photos/{n}.png,good {n}" for n in range(1, 6)]
        lines.insert(2, 'photos/2.png,"never closed')
        lines.insert(4, "photos/3.png,too,many")
        lines.append("gone.png,of a missing image")
        file = self.write(tmp_path, "c.csv", "image,caption\n" + "\n".join(lines))
        message = refusal(captioned_folder, str(tmp_path), file, SIZE)
        assert "2 of 8 captions" in message
        assert "c.csv, line 4: has a quote that is not closed, wanted 2 cells" in message
        assert "c.csv, line 6: has 3 cells, wanted 2 cells" in message
        splits = captioned_folder(str(tmp_path), file, SIZE, max_bad_share=0.3)
        assert splits.description["captions"] == 5
        assert "is missing" in splits.description["skipped"]["images"]["reasons"]

    def test_bad_json_lines_and_kinds(self, tmp_path):
        text = self.CONTENTS["a.jsonl"] + '{"image": "photos/4.png", "caption": "cut o\n[1]\n{}\n'
        file = self.write(tmp_path, "b.jsonl", text)
        message = refusal(captioned_folder, str(tmp_path), file, SIZE)
        assert "b.jsonl, line 5: is not valid JSON (Invalid control character at)" in message
        assert "b.jsonl, line 6: is no JSON object but [1]" in message
        assert "b.jsonl, line 7: names no image" in message
        splits = captioned_folder(str(tmp_path), file, SIZE, max_bad_share=0.5)
        assert splits.description["captions"] == 4
        for name, content, part in (
            ("d.xlsx", "x", "is of no known kind"),
            ("d.json", "{}", "is no list"),
            ("d.csv", " \n", "is empty"),
        ):
            file = self.write(tmp_path, name, content)
            assert part in refusal(captioned_folder, str(tmp_path), file, SIZE)
        assert "There is no file" in refusal(
            captioned_folder, str(tmp_path), str(tmp_path / "no.csv"), SIZE
        )


class TestPairs:
    def source(self, redraw=None):
        table = tf.constant([["a", "b", "c"], ["d", "", ""], ["e", "f", ""]])
        counts = tf.constant([3, 1, 2])

        def load(indices):
            return {
                "image": tf.fill(tf.shape(indices), tf.io.read_file("there is no such file")),
                "captions": tf.gather(table, indices),
                "caption_count": tf.gather(counts, indices),
            }

        features = {
            "image": tf.TensorSpec([], tf.string),
            "captions": tf.TensorSpec([3], tf.string),
            "caption_count": tf.TensorSpec([], tf.int32),
        }
        return Source(3, load, features, redraw)

    def text_only(self):
        """The source without its images, which cannot be loaded."""
        source = self.source()

        def load(indices):
            features = source.load(indices)
            del features["image"]
            return features

        features = {k: v for k, v in source.features.items() if k != "image"}
        return Source(3, load, features)

    def test_a_caption_is_drawn_anew_each_epoch_and_evenly(self):
        pairs = caption_pairs(self.text_only())
        dataset = pairs.batches(3, seed=5, repeat=True).take(600)
        texts = np.array([batch["text"].numpy() for batch in dataset]).astype(str)
        assert set(texts[:, 1]) == {"d"}
        for column, words in ((0, "abc"), (2, "ef")):
            counts = np.array([(texts[:, column] == word).sum() for word in words])
            assert counts.sum() == 600
            share = 600 / len(words)
            assert np.abs(counts - share).max() < 5 * np.sqrt(share)
        again = pairs.batches(3, seed=5, repeat=True, start_step=599).take(1)
        (last,) = [batch["text"].numpy() for batch in again]
        np.testing.assert_array_equal(last.astype(str), texts[-1])

    def test_captions_are_listed_without_loading_images(self):
        assert all_captions(self.source(), 2) == [["a", "b", "c"], ["d"], ["e", "f"]]

    def test_what_cannot_be_paired_is_refused(self):
        with pytest.raises(ValueError, match="a `redraw` of its own"):
            caption_pairs(self.source(redraw=lambda features, seeds: features))
        bare = Source(1, lambda indices: {}, {"image": tf.TensorSpec([], tf.uint8)})
        with pytest.raises(ValueError, match="lacks .*captions"):
            caption_pairs(bare)
