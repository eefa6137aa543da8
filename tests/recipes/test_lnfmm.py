"""The recipes of LNFMM: settings of every preset, and one whole run at smoke size."""

import json
import math
import re
import shlex

import numpy as np
import pytest
import tensorflow as tf

import recipes.lnfmm_coco as coco_recipe
import recipes.lnfmm_scenes as scenes_recipe
from recipes.command_line import main, make_parser
from tfgen import serving
from tfgen.data import DataError, all_captions, array_source, scenes, write_scenes
from tfgen.training import ConfigError, RunDirectory, load_config
from zoo.lnfmm import LNFMM
from zoo.lnfmm.comparison import make_vocabulary, model_config

PRESETS = ("smoke", "quick", "embedded", "paper")


@pytest.fixture(scope="module", autouse=True)
def rendered_once():
    """All tests of this file see the same few scenes; rendering is tested elsewhere."""
    known, load = {}, scenes_recipe.JOB.load_data

    def load_once(config):
        key = str(config.data.as_dict())
        if key not in known:
            known[key] = load(config)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes_recipe.JOB, "load_data", load_once)
        yield


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The directory of a finished run."""
    output = tmp_path_factory.mktemp("runs")
    assert main(["train", "lnfmm_scenes", "--preset", "smoke", "--output", str(output)]) == 0
    (run,) = (output / "lnfmm_scenes").iterdir()
    return run


@pytest.fixture(scope="module")
def report(path):
    return json.loads((path / "report.json").read_text())


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_and_can_be_read_again(preset, tmp_path):
    config = load_config(scenes_recipe.config(preset))
    assert (config.recipe, config.preset) == ("lnfmm_scenes", preset)
    assert scenes_recipe.PRESETS == PRESETS and config.models[0] == "lnfmm"
    if preset != "smoke":
        assert {"cvae", "mse"} <= set(config.models)
        assert config.model.networks.image_size == 64
    run = RunDirectory.create(tmp_path, "lnfmm_scenes", config)
    assert scenes_recipe.read_config(run).as_dict() == config.as_dict()


def test_paper_settings_are_those_of_the_thesis_and_the_released_code():
    """Section 2.7 of specs/lnfmm.md, and the values it lists as released."""
    config = scenes_recipe.config("paper")
    model, networks, training = config.model, config.model.networks, config.training
    assert (model.shared_size, model.text_size, model.image_size) == (992, 32, 64)
    assert (networks.text_state, networks.text_layers, networks.decoder_state) == (1024, 2, 512)
    assert (networks.word_dropout, networks.embedding_dropout, model.beams) == (0.8, 0.5, 2)
    assert (training.batch_size, training.learning_rate) == (128, 1e-4)
    assert training.steps * training.batch_size / config.data.train == 300
    assert config.caption_length == 40 and not model.as_released
    assert config.evaluation.oracle == (20, 100)


@pytest.mark.parametrize(
    "change, message",
    [
        ("models=[vae,lnfmm]", "the first one lnfmm, mse or txt"),
        ("models=[cvae]", "the first one lnfmm, mse or txt"),
        ("labelled_share=0.0", "share in \\(0, 1\\]"),
        ("evaluation.samples=10", "wanted 20 or more"),
        ("evaluation.images=1", "evaluation.images: got 1; wanted 0 .* or 2 or more"),
        ("evaluation.training_images=1", "training_images: got 1"),
        ("model.weights.text=-1.0", "wanted >= 0"),
    ],
)
def test_wrong_settings_are_told(change, message):
    with pytest.raises(ConfigError, match=message):
        load_config(scenes_recipe.config("quick"), overrides=[change])


def test_the_released_loss_is_of_the_models_that_it_can_train():
    """LNFMM-MSE keeps the distance of the codes, which the released loss leaves out."""
    config = load_config(
        scenes_recipe.config("quick"),
        overrides=["models=[lnfmm,txt,mse,cvae,ag_cvae]", "model.as_released=true"],
    )
    made = {name: model_config(config, name) for name in config.models}
    for settings in made.values():
        settings.validate()
    flags = {name: made[name].as_released for name in ("lnfmm", "txt", "mse")}
    assert flags == {"lnfmm": True, "txt": True, "mse": False}
    assert made["mse"].variant == "mse" and made["ag_cvae"].prior == "additive"
    with pytest.raises(ConfigError, match="as_released: got True with variant=mse"):
        load_config(config, overrides=["model.variant=mse"])


def test_the_commands_of_the_headers_are_valid():
    """Each `tfgen train` of the headers, its settings read as the command line reads them."""
    configs = []
    for recipe in (scenes_recipe, coco_recipe):
        lines = recipe.__doc__.replace("\\\n", " ").splitlines()
        commands = [shlex.split(line) for line in lines if line.strip().startswith("tfgen train")]
        assert commands
        for command in commands:
            arguments = make_parser().parse_args(command[1:])
            config = load_config(recipe.config(arguments.preset), overrides=arguments.set)
            assert arguments.recipe == config.recipe
            configs.append(config)
    assert [config.preset for config in configs] == ["quick", "quick", "quick", "paper", "quick"]
    assert configs[1].evaluation.oracle == (20, 100) and configs[2].labelled_share == 0.3
    assert configs[3].data.weights == "VGG16.h5" and configs[4].data.directory == "MY_COCO"


@pytest.mark.slow
class TestRun:
    def test_report_has_the_tables_numbers(self, report):
        assert all(math.isfinite(value) for value in report.values())
        for model in ("lnfmm", "ag_cvae"):
            for metric in ("CIDEr-D", "BLEU-4"):
                few, many = (report[f"{model}_oracle_{metric}_{count}"] for count in (2, 3))
                assert 0.0 <= few <= many
            assert 0.0 < report[f"{model}_uniqueness"] <= 1.0
            assert 0.0 <= report[f"{model}_true"] <= 1.0
            bound = report[f"{model}_caption_bound"]
            assert bound < 0.0
        gap = report["lnfmm_Div-2"] - report["ag_cvae_Div-2"]
        assert report["Div-2_lnfmm_minus_ag_cvae"] == pytest.approx(gap)
        assert report["lnfmm_image_bound"] < 0.0 and "ag_cvae_image_bound" not in report

    def test_the_readers_find_the_data_true(self, report):
        """Of captions, and of images, which are small here."""
        assert report["references_true"] == 1.0
        for name in ("objects", "context", "named"):
            assert 0.0 <= report[f"real_{name}_seen_by_chance"] <= 1.0
        assert 0.0 <= report["lnfmm_named_seen"] <= 1.0
        assert "ag_cvae_named_seen" not in report

    def test_markdown_shows_the_same_numbers_and_figures_that_exist(self, path, report):
        page = (path / "report.md").read_text()
        for name in ("lnfmm_oracle_CIDEr-D_3", "ag_cvae_Div-2", "lnfmm_caption_bound"):
            assert f" {report[name]:.3f} " in page, name
        assert "| LNFMM |" in page and "| AG-CVAE |" in page
        assert "preset smoke, seed 0" in page
        assert f" {report['Div-2_lnfmm_minus_ag_cvae']:.3f} " in page
        pictures = re.findall(r"!\[.*?\]\((.*?)\)", page)
        assert [picture.split("/")[-1] for picture in pictures] == [
            *("captions.png", "codes.png", "images.png"),
        ]
        for picture in pictures:
            assert (path / picture).stat().st_size > 2000

    def test_export_says_what_the_model_says(self, path, report):
        """Same seed, same captions and images; any text is read."""
        run = RunDirectory.open(path)
        assert run.finished
        served, model = serving.load(path / "export"), scenes_recipe.load_model(run)
        card = served.card
        assert (card.name, card.system) == ("lnfmm_scenes", "lnfmm")
        assert card.metrics == pytest.approx(report)
        data = scenes_recipe.load_data(scenes_recipe.read_config(run))
        batch = next(iter(data.test.batches(2)))
        images, seen = batch["image"].numpy(), batch["features"]
        texts = served.texts_from_images(images=images, count=3, seed=5)["texts"]
        mine = [[t.decode() for t in row] for row in model.texts_from_images(seen, 3, 5).numpy()]
        assert np.array(texts).astype(str).tolist() == mine
        told = [all_captions(data.test)[0][0], "Ein Ball, \U0001f600"]
        drawn = served.images_from_text(texts=told, count=2, seed=5)["images"]
        close = model.images_from_text(told, 2, 5).numpy().astype(int)
        assert drawn.shape == (2, 2, 16, 16, 3) and np.abs(drawn - close).max() <= 1
        codes = served.encode_texts(texts=told)["shared"]
        np.testing.assert_allclose(codes, model.encode_texts(told)["shared"], atol=1e-4)
        codes = served.encode_images(images=images)["shared"]
        np.testing.assert_allclose(codes, model.encode_images(seen)["shared"], atol=1e-4)


def test_objects_are_counted_by_kind():
    data = scenes_recipe.load_data(scenes_recipe.config("smoke"))
    batch = next(iter(data.train.batches(8)))
    for kinds, objects in zip(batch["kinds"].numpy(), batch["objects"].numpy()):
        counts = np.bincount(kinds[kinds >= 0], minlength=8)
        assert objects.tolist() == counts.tolist()
    assert tf.reduce_sum(batch["objects"]) >= 8


class TestWhatTheReaderSees:
    """LNFMM on features of the committed scenes_classifier."""

    @pytest.mark.parametrize("kept", (True, False))
    def test_data_have_what_it_sees(self, kept, tmp_path):
        cache = tmp_path if kept else ""
        overrides = [f"data.cache={cache}", "data.train=4"]
        config = load_config(scenes_recipe.config("smoke"), overrides=overrides)
        data = scenes_recipe.load_data(config)
        (batch,) = data.train.batches(4)
        reader = serving.load(scenes_recipe.CLASSIFIER)
        wanted = reader.features(images=batch["image"].numpy())["features"]
        np.testing.assert_allclose(batch["features"], wanted, rtol=1e-4, atol=1e-4)
        # One file for each split.
        assert len(list(tmp_path.glob("*/features-*.tfrecord"))) == (4 if kept else 0)
        found = scenes_recipe.JOB.backbone(config)
        assert (found.image_size, found.application) == (16, "scenes_classifier")

    @pytest.mark.parametrize("preset", ("quick", "embedded"))
    def test_presets_have_their_size(self, preset):
        config = scenes_recipe.config(preset)
        assert list(scenes_recipe.backbone(config).shape) == [config.model.networks.feature_size]

    def test_another_size_is_told_and_pixels_need_none(self):
        wrong = load_config(
            scenes_recipe.config("smoke"), overrides=["model.networks.feature_size=7"]
        )
        with pytest.raises(ConfigError, match=r"got 7; wanted that of the features of scenes_c"):
            scenes_recipe.backbone(wrong)
        wrong.model.networks.image_input = "pixels"
        assert scenes_recipe.backbone(wrong) is None


class TestCoco:
    @pytest.mark.parametrize("preset", coco_recipe.PRESETS)
    def test_every_preset_is_valid_and_can_be_read_again(self, preset, tmp_path):
        config = load_config(coco_recipe.config(preset))
        assert (config.recipe, config.preset) == ("lnfmm_coco", preset)
        run = RunDirectory.create(tmp_path, "lnfmm_coco", config)
        assert coco_recipe.read_config(run).as_dict() == config.as_dict()

    def test_paper_settings_are_those_of_the_pre_trained_model(self):
        config = coco_recipe.config("paper")
        networks, training = config.model.networks, config.training
        assert (networks.image_input, networks.feature_size) == ("features", 4096)
        assert (config.data.application, config.data.layer) == ("VGG16", "fc1")
        assert training.steps * training.batch_size == pytest.approx(300 * 118_287, rel=1e-4)
        assert config.models == ("lnfmm", "cvae", "mse") and config.evaluation.samples == 100

    def test_missing_folders_and_weights_are_told(self, tmp_path):
        def load(*overrides):
            return coco_recipe.load_data(
                load_config(coco_recipe.config("paper"), overrides=overrides)
            )

        with pytest.raises(ConfigError, match="data.directory: got ''"):
            load()
        with pytest.raises(ConfigError, match="data.weights: got ''"):
            load(f"data.directory={tmp_path}")
        with pytest.raises(DataError, match="no weights"):
            load(f"data.directory={tmp_path}", f"data.weights={tmp_path}/missing.h5")
        with pytest.raises(DataError, match="captions"):
            load(f"data.directory={tmp_path}", "model.networks.image_input=pixels")

    def test_quick_reads_pixels_of_a_folder_and_needs_no_weights(self, tmp_path):
        few = scenes(16, train=6, validation=2, test=2, held_out=0, jit_compile=False)
        write_scenes(few, str(tmp_path / "coco"), progress=False)
        overrides = [f"data.directory={tmp_path / 'coco'}"]
        config = load_config(coco_recipe.config("quick"), overrides=overrides)
        data = coco_recipe.load_data(config)
        (batch,) = data.train.batches(6)
        side = config.model.networks.image_size
        assert batch["image"].shape == (6, side, side, 3) and "features" not in batch
        vocabulary = make_vocabulary(config, data)
        assert "a" in vocabulary.words
        model = LNFMM(config.model, vocabulary)
        batch["words"] = vocabulary.encode(batch["captions"][:, 0])
        assert np.isfinite(model.objective(batch, training=False)["loss"]).all()

    def test_images_come_to_the_size_in_which_they_are_drawn(self):
        """Means over blocks of pixels, beside what is left alone."""
        images = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3) // 2
        numbers = np.float32([3.0, 4.0])
        source = coco_recipe._resized(array_source({"image": images, "features": numbers}), 4)
        (batch,) = source.batches(2)
        assert batch["image"].shape == (2, 4, 4, 3) and batch["image"].dtype == np.uint8
        assert batch["features"].numpy().tolist() == [3.0, 4.0]
        middle = images[:, 2:6, 2:6].astype(float).mean((1, 2))
        drawn = batch["image"].numpy()[:, 1:3, 1:3].mean((1, 2))
        assert np.abs(middle - drawn).max() < 12.0

    @pytest.mark.slow
    def test_a_run_on_files_in_coco_s_layout(self, tmp_path):
        """Nobody reads what photographs show, so that no share of true captions is reported."""
        command = ["train", "lnfmm_coco", "--preset", "smoke", "--output", str(tmp_path)]
        assert main(command) == 0
        (path,) = (tmp_path / "lnfmm_coco").iterdir()
        report = json.loads((path / "report.json").read_text())
        assert "lnfmm_oracle_CIDEr-D_3" in report and "lnfmm_true" not in report
        assert "coco: 8 training images" in (path / "report.md").read_text()
        card = serving.load(path / "export").card
        assert card.name == "lnfmm_coco" and card.data["counts"]["train"] == 8
