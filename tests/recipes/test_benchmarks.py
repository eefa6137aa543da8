"""The measurements of `tfgen benchmark`: the clock, and what they report."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time

import pytest
import tensorflow as tf

from recipes import lnfmm_scenes
from recipes.benchmarks import (
    captions,
    flows,
    flows_against_normflows,
    input_pipeline,
    memory,
    sampling_time,
)
from recipes.benchmarks.flow_work import count_parameters, make_flow, make_work
from recipes.benchmarks.timing import compare_seconds, seconds_per_call
from recipes.cli.catalogue import find_benchmarks
from recipes.cli.errors import UserError
from recipes.command_line import main
from zoo.flows import FlowConfig, PriorConfig

TINY = {"image_size": 8, "levels": 2, "steps": 1, "filters": 4}
TINY_PRIOR = PriorConfig(
    type="channel_autoregressive", filters=4, layers=1, kernel_sizes=(3,), dilations=(1,)
)


def test_first_call_is_not_counted():
    waits = iter([0.2])
    assert seconds_per_call(lambda: time.sleep(next(waits, 0.01)), 0.1) == pytest.approx(
        0.01, abs=0.01
    )


def test_functions_take_turns_and_keep_their_ratio():
    calls = []

    def make(name, seconds):
        def call():
            calls.append(name)
            time.sleep(seconds)

        return call

    seconds = compare_seconds({"slow": make("slow", 0.04), "fast": make("fast", 0.01)}, 0.1)
    assert seconds["slow"] / seconds["fast"] == pytest.approx(4, rel=0.4)
    assert calls[:4] == ["slow", "fast", "slow", "fast"]


def test_median_ignores_an_interruption():
    waits = iter([0.01, 0.01, 0.3, 0.01, 0.01])
    assert seconds_per_call(lambda: time.sleep(next(waits, 0.01)), 0.5) < 0.05


def test_input_pipeline_reports_bytes_that_fit_its_examples():
    rows = input_pipeline.measure(0.05)
    assert [row["pipeline"] for row in rows] == ["in order", "shuffled", "shuffled, flipped"]
    for row in rows:
        assert row["MB/s"] == pytest.approx(row["examples/s"] * 64 * 64 * 3 / 1e6)


def test_command_prints_a_table_and_writes_json(monkeypatch, tmp_path, capsys):
    rows = [{"pipeline": "a", "examples/s": 1234.5}, {"pipeline": "b", "examples/s": 2.0}]
    monkeypatch.setattr(input_pipeline, "measure", lambda: rows)
    file = tmp_path / "new" / "speed.json"
    assert main(["benchmark", "input_pipeline", "--output", str(file)]) == 0
    assert json.loads(file.read_text()) == {"benchmark": "input_pipeline", "rows": rows}
    assert "  a         1234.50\n  b         2\n" in capsys.readouterr().out


def test_every_benchmark_is_listed(capsys):
    assert main(["benchmark"]) == 0
    out = capsys.readouterr().out
    names = {
        "autoregressive",
        "captions",
        "codec",
        "flows",
        "flows_against_normflows",
        "import_time",
        "input_pipeline",
        "render",
        "sampling",
        "sampling_time",
        "train_step",
    }
    assert set(find_benchmarks()) == names
    assert all(name in out for name in names)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["render", "--rows", "all"], "The benchmark render has no --rows"),
        (["flows", "--rows", "affine_k9"], "Did you mean 'affine_k8'? Known: affine_k32"),
        (["flows", "--rows", "affine_k8,"], "Unknown row of flows ''."),
    ],
)
def test_wrong_rows_are_told(words, expected, capsys):
    assert main(["benchmark", *words]) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], None),
        (["--rows", "all"], ["affine_k8", "affine_k32", "mixture_cdf_k4"]),
        (["--rows", "mixture_cdf_k4,affine_k8"], ["mixture_cdf_k4", "affine_k8"]),
    ],
)
def test_rows_are_chosen(words, expected, monkeypatch, capsys):
    got = []
    monkeypatch.setattr(
        flows, "measure", lambda rows=None: got.append(rows) or [{"flow": "a", "seconds": 1.5}]
    )
    assert main(["benchmark", "flows", *words]) == 0
    assert got == [expected]


def test_rows_of_flows_are_the_sizes_of_the_issue():
    configs = {name: flows._config(name) for name in flows.ROWS}
    sizes = {
        name: (config.levels, config.steps, config.filters, config.coupling)
        for name, config in configs.items()
    }
    assert sizes == {
        "affine_k8": (3, 8, 128, "affine"),
        "affine_k32": (3, 32, 512, "affine"),
        "mixture_cdf_k4": (3, 4, 96, "mixture_cdf"),
    }
    mixture = configs["mixture_cdf_k4"]
    assert (mixture.blocks, mixture.heads, mixture.components) == (10, 4, 32)
    for config in configs.values():
        prior = config.prior
        assert (prior.type, prior.layers, prior.filters) == ("channel_autoregressive", 3, 32)
        assert (prior.kernel_sizes, prior.dilations) == ((5, 5, 3), (2, 1, 1))


def test_table_of_flows_compares_with_the_released_code(monkeypatch):
    asked = []

    def answer(config, batch, task, budget_seconds):
        asked.append((config.steps, batch, task))
        return {"seconds": 0.5}

    monkeypatch.setattr(flows, "measure_in_new_process", answer)
    rows = flows.measure(rows=["affine_k8", "affine_k32"])
    tasks = ["training step", "training step, recompute", "likelihood", "sampling"]
    assert asked == [(k, n, task) for k, n in ((8, 16), (32, 8)) for task in tasks]
    ratios = [row["times as fast"] for row in rows]
    assert ratios[4:6] == ["-", "-"]
    assert ratios[:4] + ratios[6:] == pytest.approx([3.46, 3.46, 1.2, 1.9, 2.04, 2.24])
    assert rows[0]["released (other machine)"] == "1.73 s, idle"
    assert rows[7]["released (other machine)"] == "1.12 s, busier"


def test_flow_measured_in_a_new_process():
    config = FlowConfig(**TINY, prior=TINY_PRIOR)
    ballast = b"1" * int(1.2e9)
    facts = flows.measure_in_new_process(config, 3, "sampling", 0.01)
    assert facts["parameters"] * 1e6 == pytest.approx(count_parameters(make_flow(config)))
    assert facts["images/s"] == pytest.approx(3 / facts["seconds"])
    # Of that process alone, where getrusage counts what the parent held too.
    assert 0 < facts["batch MB"] < facts["peak MB"] < len(ballast) / 1e6
    assert memory.peak_megabytes() > len(ballast) / 1e6


def test_recompute_is_measured_for_its_task_alone(monkeypatch):
    made, called = [], []
    model = make_flow(FlowConfig(**TINY))
    monkeypatch.setattr(flows, "make_flow", lambda config: made.append(config) or model)
    work = {
        task: lambda count, task=task: called.append((task, count)) for task in make_work(model)
    }
    monkeypatch.setattr(flows, "make_work", lambda model: work)
    for task in flows.TASKS:
        flows.measure_here(FlowConfig(**TINY), 2, task, 0.0)
    assert [config.recompute for config in made] == [False, True, False, False]
    # With one image to build the graph, once to warm up and three times for the clock.
    counts = [1, 2, 2, 2, 2]
    tasks = ["training step", "training step", "likelihood", "sampling"]
    assert called == [(task, count) for task in tasks for count in counts]


def test_memory_of_a_batch_is_beyond_what_was_held(monkeypatch):
    model = make_flow(FlowConfig(**TINY))
    monkeypatch.setattr(flows, "make_flow", lambda config: model)
    once = iter([400])
    work = {"likelihood": lambda count: b"1" * int(1e6 * (next(once, 0) + 25 * count))}
    monkeypatch.setattr(flows, "make_work", lambda model: work)
    facts = flows.measure_here(FlowConfig(**TINY), 8, "likelihood", 0.0)
    assert facts["batch MB"] == pytest.approx(200, abs=20)
    assert facts["peak MB"] > 400


def test_work_on_a_flow():
    model = make_flow(FlowConfig(**TINY))
    work = make_work(model)
    before = [variable.numpy() for variable in model.trainable_variables]
    assert work["likelihood"](5).shape == (5,)
    assert work["sampling"](4).shape == (4, 8, 8, 3)
    assert all((a == b.numpy()).all() for a, b in zip(before, model.trainable_variables))
    losses = [work["training step"](5) for _ in range(20)]
    assert model.step.numpy() == 20
    assert losses[-1] < losses[0]


@pytest.fixture
def eager():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize(("side", "expected"), [(8, 12), (16, 30)])
def test_sequential_steps_of_mar_scf_are_those_that_run(side, expected, eager, monkeypatch):
    from tfgen.layers import ChannelPriorNetwork

    calls = []
    step = ChannelPriorNetwork.step
    monkeypatch.setattr(ChannelPriorNetwork, "step", lambda *words: calls.append(1) or step(*words))
    sample, steps = sampling_time.make_mar_scf(side)
    sample()
    assert steps == len(calls) == expected


def test_sequential_steps_of_pixel_cnn_are_those_that_run(eager, monkeypatch):
    from tensorflow_probability.python.distributions.pixel_cnn import PixelCNN

    calls = []
    draw = PixelCNN._sample_channels
    monkeypatch.setattr(
        PixelCNN, "_sample_channels", lambda *w, **k: calls.append(1) or draw(*w, **k)
    )
    sample, steps = sampling_time.make_pixel_cnn(4)
    sample()
    # One more draws what the first pixel starts from.
    assert steps == len(calls) - 1 == 16


def test_sampling_time_tells_growth_and_draws(monkeypatch, tmp_path):
    monkeypatch.setattr(
        sampling_time, "make_mar_scf", lambda side: (lambda: time.sleep(side / 1e3), 6 * side)
    )
    monkeypatch.setattr(
        sampling_time, "make_pixel_cnn", lambda side: (lambda: time.sleep(side / 1e3), side**2)
    )
    figure = tmp_path / "new" / "growth.png"
    sides = {"mAR-SCF": (8, 16), "PixelCNN": (8, 16)}
    rows = sampling_time.measure(0.01, sides, figure)
    assert [row["growth of steps"] for row in rows] == ["-", 2.0, "-", 4.0]
    assert rows[1]["growth of time"] == rows[1]["ms/image"] / rows[0]["ms/image"]
    assert figure.read_bytes().startswith(b"\x89PNG")


WORKER = """
import json, sys, time
settings = json.loads(sys.stdin.readline())
print(json.dumps({"parameters": settings["filters"], "versions": "none"}), flush=True)
for line in sys.stdin:
    time.sleep(0.05)
    print("1.0", flush=True)
"""


def test_normflows_takes_turns_and_its_end_is_told(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text("import sys; sys.exit(3)")
    sizes = {"levels": 2, "steps": 1, "filters": 4, "batch": 2, "channels": 3, "side": 8}
    worker = [sys.executable, str(script)]
    with pytest.raises(UserError, match="exit code 3"):
        flows_against_normflows.measure(0.01, sizes, worker)
    script.write_text(WORKER)
    rows = flows_against_normflows.measure(0.01, sizes, worker)
    assert [row["work"] for row in rows] == ["training step", "likelihood", "sampling"]
    for row in rows:
        assert row["normflows, s"] >= 0.05
        assert row["times as fast"] == pytest.approx(row["normflows, s"] / row["tfgen, s"])
        assert row["parameters normflows"] == 4
        glow = FlowConfig(**TINY)
        assert row["parameters tfgen"] == count_parameters(make_flow(glow))


def test_environment_of_normflows_is_made_once(monkeypatch, tmp_path):
    commands = []

    def run(command, **options):
        commands.append(command)
        folder.mkdir(exist_ok=True)
        failed = "pip" in command and fails
        return subprocess.CompletedProcess(command, int(failed), stdout="no index\n")

    folder = tmp_path / "environment"
    monkeypatch.setattr(flows_against_normflows.subprocess, "run", run)
    fails = True
    with pytest.raises(UserError, match="no index"):
        flows_against_normflows.make_environment(folder)
    fails = False
    python = flows_against_normflows.make_environment(folder)
    assert python.is_absolute() and pathlib.Path(python).is_relative_to(folder)
    assert [command[1:3] for command in commands] == 2 * [["-m", "venv"], ["-m", "pip"]]
    assert flows_against_normflows.REQUIREMENTS == commands[-1][-3:]
    assert flows_against_normflows.make_environment(folder) == python
    assert len(commands) == 4
    monkeypatch.setattr(flows_against_normflows, "REQUIREMENTS", ["normflows==9"])
    flows_against_normflows.make_environment(folder)
    assert commands[-1][-1] == "normflows==9"


def test_captions_compare_flows_with_the_released_code(monkeypatch):
    seconds = iter([{"in one call": 0.5, "image by image": 1.0}])
    flow = {"likelihood": 0.1, "sampling": 0.2}
    monkeypatch.setattr(captions, "caption_functions", lambda: (800, {}))
    monkeypatch.setattr(captions, "flow_functions", lambda name: (128, {}))
    monkeypatch.setattr(captions, "compare_seconds", lambda *args: next(seconds, flow))
    rows = captions.measure()
    assert [row["what"] for row in rows] == [name for name in captions.ROWS for _ in range(2)]
    assert [row["rows/s"] for row in rows] == [1600, 800, *3 * [1280, 640]]
    ratios = [row["times as fast"] for row in rows]
    assert ratios[2:6] == pytest.approx([3.0, 1.6, 4.8, 2.95])
    assert ratios[:2] == ratios[6:] == ["-", "-"]


def test_captions_of_all_images_come_from_one_encoding_of_each():
    class Counting:
        """Says what it was asked."""

        def __init__(self):
            self.config = lnfmm_scenes.config("smoke").model
            self.asked = []

        def texts_from_images(self, images, count, seed):
            self.asked.append(tuple(images.shape))
            return tf.fill([tf.shape(images)[0], count], tf.strings.as_string(seed))

    model = Counting()
    count, functions = captions.caption_functions(model, images=3, captions=5)
    assert count == 15 and functions["in one call"]().shape == (3, 5)
    assert [texts.shape for texts in functions["image by image"]()] == 3 * [(1, 5)]
    assert model.asked == [(None, 16, 16, 3)]


@pytest.mark.parametrize("name, size", [("text_flow", 32), ("alignment_flow", 992)])
def test_directions_of_a_flow_of_captions_are_inverse(name, size, monkeypatch):
    make, made = captions.make_flow, []
    monkeypatch.setattr(captions, "make_flow", lambda *args: made.append(make(*args)) or made[0])
    count, functions = captions.flow_functions(name, batch=2, steps=1)
    values, log_det = functions["likelihood"]()
    assert (count, values.shape, log_det.shape) == (2, (2, size), (2,))
    assert functions["sampling"]().shape == (2, size)
    # A new coupling scales half of the variables by sigmoid(2), or twice each by sigmoid(5).
    scale = {"text_flow": (size // 2, 2.0), "alignment_flow": (2 * size, 5.0)}[name]
    wanted = scale[0] * tf.math.log_sigmoid(scale[1])
    assert log_det == pytest.approx(2 * [float(wanted)], rel=1e-4)
    assert made[0][1:] == (size, 0 if name == "alignment_flow" else 992)
