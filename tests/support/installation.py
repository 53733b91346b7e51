"""Plugins for tests, and distributions laid down as pip would: a module and its metadata, without building anything."""

from pathlib import Path

# The source of a plugin that works, to be given a `name`.
GOOD = """
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

class Zero(Algorithm):
    def act(self, obs):
        return 0 * self.streams.sample("evaluate", self.task.action_space, obs.shape[:2])
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec({name!r}, Zero, Supports(discrete=True))]
"""


def install(folder: Path, dist: str, entry: str, source: str, module: str = "") -> None:
    """Into `folder`: the distribution `dist` whose entry point `entry` is a module with this source."""
    module = module or dist.replace("-", "_")
    info = folder / f"{dist.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[rlbench]\n{entry} = {module}\n")
    (folder / f"{module}.py").write_text(source)
