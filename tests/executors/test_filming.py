"""Videos: the frames of an episode in the order they were seen, whole or not there."""

import json

import numpy as np
import pytest
from support.cli import rlbench

from rlbench.api import PluginError, RlbenchError, Task
from rlbench.cli.commands.evaluate import _video_path
from rlbench.reevaluation import video
from rlbench.reevaluation.video import Video, need_ffmpeg

ffmpeg = pytest.importorskip("imageio_ffmpeg")


class Counter:
    """Shows how many steps it has taken, as brightness."""

    from gymnasium.spaces import Box, Discrete

    observation_space, action_space, metadata = Box(-1, 1, (2,), np.float64), Discrete(2), {"render_fps": 5}

    def __init__(self, task, shape=(33, 48, 3)):
        assert task.kwargs == {"wind": 1, "render_mode": "rgb_array"}
        self.taken, self.shape = 0, shape

    def reset(self, seed):
        self.taken = 0
        return np.zeros(2), {}

    def step(self, action):
        self.taken += 1
        return np.zeros(2), 1.0, self.taken == 9, False, {}

    def render(self):
        return np.full(self.shape, 20 * self.taken, np.uint8)

    def close(self):
        pass


# imageio-ffmpeg leaves the pipes to its processes to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed file:ResourceWarning")
def test_every_step_is_a_frame_of_the_film_which_is_there_when_it_is_whole(tmp_path):
    path = tmp_path / "a.mp4"
    film = Video(Task("x", 1, kwargs={"wind": 1}), Counter, path)
    assert film.reset(0, 7).dtype == np.float32
    for _ in range(9):
        _, reward, terminated, _ = film.step([0], [1])
    assert reward == [1.0] and terminated == [True] and not path.exists()
    film.close()
    frames = ffmpeg.read_frames(str(path))
    facts = next(frames)
    seen = [np.frombuffer(frame, np.uint8).mean() for frame in frames]
    assert facts["size"] == (48, 32) and facts["fps"] == 5  # an odd line is cut: the format has none
    assert seen == pytest.approx([20 * i for i in range(10)], abs=4)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed file:ResourceWarning")
def test_a_film_that_is_broken_off_leaves_no_file(tmp_path):
    task = Task("x", 1, kwargs={"wind": 1})
    with pytest.raises(RuntimeError, match="broken off"), Video(task, Counter, tmp_path / "a.mp4") as film:
        film.reset(0, 7)
        raise RuntimeError("broken off")
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_draws_nothing_is_an_error(tmp_path):
    film = Video(Task("x", 1, kwargs={"wind": 1}), lambda task: Counter(task, (4, 4)), tmp_path / "a.mp4")
    with pytest.raises(RlbenchError, match="does not render an rgb_array"):
        film.reset(0, 7)


def test_without_ffmpeg_the_line_that_installs_it_is_said(monkeypatch):
    monkeypatch.setattr(video, "NEEDED", "not_installed_here")
    with pytest.raises(PluginError, match=r'pip install "rlbench\[video\]"'):
        need_ffmpeg()


def test_a_path_without_an_ending_is_a_folder_which_is_made(tmp_path):
    assert _video_path(tmp_path / "mine/videos", "a run") == tmp_path / "mine/videos/a run.mp4"
    assert (tmp_path / "mine/videos").is_dir()


@pytest.mark.slow
def test_evaluate_films_a_run_and_names_the_file_after_it(tmp_path):
    suite = {"name": "s", "algorithms": ["random"], "environments": [{"id": "CartPole-v1", "steps": 50}], "seeds": 1}
    (tmp_path / "s.yaml").write_text(json.dumps(suite))
    assert rlbench("run", tmp_path / "s.yaml", "-o", tmp_path / "out", "-q").returncode == 0
    (run,) = (tmp_path / "out/runs").iterdir()
    (tmp_path / "out/videos").mkdir()
    ran = rlbench("evaluate", run, "--episodes", "2", "--video", tmp_path / "out/videos")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / f"out/videos/{run.name}.mp4").stat().st_size > 1000
    ran = rlbench("evaluate", run, "--video", tmp_path / "x.avi")
    assert ran.returncode == 2 and "does not end in .mp4" in ran.stderr
