"""A file that says in what it differs from another one differs in that and in nothing else."""

import ast
import re
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
CLAIM = re.compile(r"It differs\s+from (\S+\.py) only in\s+(.*?)\.(?:\s|$)", re.DOTALL)
CLAIMING = [
    path
    for path in sorted(PLUGINS.glob("rlbench_*/*.py"))
    if CLAIM.search(ast.get_docstring(ast.parse(path.read_text())) or "")
]


class Neutral(ast.NodeTransformer):
    """Leaves out docstrings, and gives an algorithm and its configuration the same names in every file."""

    def __init__(self, names):
        self._names = names

    def visit_Name(self, node):
        return ast.copy_location(ast.Name(self._names.get(node.id, node.id), node.ctx), node)

    def visit_FunctionDef(self, node):
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)


def members(source):
    """What a file defines: the fields and methods of its classes, and its functions, by name, each as text."""
    tree = ast.parse(source)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    config, algorithm = classes
    neutral = Neutral({config.name: "Config", algorithm.name: "Algorithm"})
    found = {}
    for node in [n for n in tree.body if isinstance(n, ast.FunctionDef)] + config.body + algorithm.body:
        if isinstance(node, ast.AnnAssign):
            if isinstance(node.value, ast.Call) and node.value.func.id == "setting":
                del node.value.args[1]  # the text that says what it means
            found[node.target.id] = node
        elif isinstance(node, ast.Assign):
            found[node.targets[0].id] = node
        elif isinstance(node, ast.FunctionDef):
            found["Config." * (node in config.body) + node.name] = node
    for node in classes:
        found[f"bases of {neutral._names[node.name]}"] = ast.Tuple(node.bases + node.decorator_list, ast.Load())
    return {name: ast.unparse(ast.fix_missing_locations(neutral.visit(node))) for name, node in found.items()}


def differences(one, other):
    one, other = members(one), members(other)
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


@pytest.mark.parametrize("path", CLAIMING, ids=lambda path: path.stem)
def test_a_file_differs_from_the_one_it_names_just_where_it_says(path):
    source = path.read_text()
    named, where = CLAIM.search(ast.get_docstring(ast.parse(source))).groups()
    assert differences(source, (PLUGINS / named).read_text()) == set(re.findall(r"`([^`]+)`", where))


def test_the_files_that_claim_it_are_these():
    assert [path.stem for path in CLAIMING] == [
        "double_dqn",
        "dueling_dqn",
        "dyna_q",
        "mappo",
        "per_dqn",
        "qmix",
        "qrdqn",
        "td3",
        "tqc",
        "vdn",
    ]


def test_docstrings_names_and_the_order_of_methods_are_no_differences_and_all_else_is():
    one = """
class OneConfig:
    a: int = setting(1, "x")
class One(Base):
    Config = OneConfig
    def f(self): "x"; return 1
    def g(self): ...
"""
    same = """
class TwoConfig:
    a: int = setting(1, "y")
class Two(Base):
    Config = TwoConfig
    def g(self): ...
    def f(self): return 1
"""
    assert differences(one, same) == set()
    assert differences(one, same.replace("return 1", "return 2")) == {"f"}
    assert differences(one, same.replace("setting(1", "setting(2")) == {"a"}
    assert differences(one, same.replace("(Base)", "(Other)")) == {"bases of Algorithm"}
    assert differences(one, same + "    def h(self): ...") == {"h"}


@pytest.mark.parametrize(
    ("names", "same"),
    [
        (("dqn", "double_dqn", "dueling_dqn", "per_dqn", "qrdqn"), ("explore", "act")),
        (("dqn", "double_dqn", "dueling_dqn", "qrdqn"), ("learn",)),
        (("dqn", "double_dqn", "qrdqn"), ("train",)),
        (("dueling_dqn", "per_dqn", "rainbow"), ("train", "parts")),
        (("iql", "vdn", "qmix"), ("explore", "learn", "act", "parts")),
        (("ddpg", "td3", "sac"), ("train",)),
        (("crossq", "tqc"), ("train", "explore", "draw")),
        (("ppo", "a2c", "reinforce"), ("greedy", "act")),
        (("ppo", "ippo", "mappo"), ("train", "Config.__post_init__")),
    ],
    ids=str,
)
def test_what_files_repeat_is_the_same_in_all_of_them(names, same):
    first, *others = (members((PLUGINS / f"rlbench_{name}/{name}.py").read_text()) for name in names)
    for name in same:
        assert all(other[name] == first[name] for other in others), name
