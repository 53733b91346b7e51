"""By hand: blocks of documents that a test does not run as they stand, each with its reason."""

from support.document_blocks import Allowance

SMALL = """cat > small.yaml <<'END'
name: mine
algorithms: [random, {id: dqn, params: {net_arch: [16], learning_starts: 50}}, {id: ppo, params: {n_envs: 4, n_steps: 25, batch_size: 50}}]
environments: [{id: CartPole-v1, steps: 400}]
seeds: 5
evaluation: {every: 0, final_episodes: 5}
END
"""
SEARCH = """cat > search.yaml <<'END'
name: search
algorithms: [random, {id: dqn, params: {net_arch: [16], learning_starts: 50}}]
environments: [{id: CartPole-v1, steps: 200}]
seeds: 2
evaluation: {every: 0, final_episodes: 5}
tune: {trials: 2, seeds: 1, space: {dqn: {gamma: {uniform: [0.9, 0.99]}}}}
END
"""
GAME = """cat > game.yaml <<'END'
name: mine
algorithms: [convention, copies]
environments: [{id: "matching_game:MatchingGame", label: game, backend: pettingzoo, steps: 20, kwargs: {steps: 3}}]
seeds: 3
evaluation: {every: 0, final_episodes: 5}
END
rlbench run game.yaml --plugin $ROOT/tests/support/matching_game.py
"""
HOURS = "it trains for hours"
MINUTES = "it trains for many minutes"

ALLOWANCES = [
    Allowance(
        "docs/view-a-run.md",
        "rlbench view mine",
        "it serves until Ctrl-C, which is sent here after a while; the reader has results",
        before=SMALL + "rlbench run small.yaml -a random",
        replace={"rlbench view mine": "timeout --preserve-status -s INT 8 rlbench view mine --no-browser"},
        ends=(130,),
    ),
    Allowance(
        "docs/verify.md",
        "rlbench verify mine",
        "the reader has results",
        before=SMALL + "rlbench run small.yaml",
    ),
    Allowance("docs/verify.md", "random on CartPole-v1", "numbers of records depend on the run", loose=True),
    Allowance("docs/verify.md", "ppo on CartPole-v1", "last bits depend on the processor", loose=True),
    Allowance("docs/verify.md", "dqn--CartPole-v1--s00--a045644bcc70: equal", "a key depends on the suite", loose=True),
    Allowance("docs/verify.md", "dqn--CartPole-v1--s00--a045644bcc70: differs", "nothing was changed", skip=True),
    Allowance(
        "docs/crossplay.md",
        "rlbench crossplay mine",
        "the reader has results; those of the tests are of a plugin file",
        before=GAME,
        replace={"crossplay mine": "crossplay mine --plugin $ROOT/tests/support/matching_game.py"},
    ),
    Allowance(
        "docs/cluster.md",
        "rlbench run study.yaml -o out --executor slurm",
        "it trains for minutes on a cluster",
        before=SMALL + "python $ROOT/tests/support/pretended_slurm.py $PWD install\n",
        replace={"study.yaml": "small.yaml -a random", "rlbench run": "PATH=$PWD/bin:$PATH rlbench run"},
    ),
    Allowance(
        "docs/storage.md",
        "rlbench merge machine-1 machine-2",
        "the reader has results of two machines",
        before=SMALL
        + "rlbench run small.yaml -a random -s 0,1 -o machine-1\nrlbench run small.yaml -a random -s 2,3 -o machine-2\n",
    ),
    Allowance("docs/cluster.md", "cat > job.sh", "run by tests/clusters/test_slurm.py", skip=True),
    Allowance("docs/cluster.md", "pip install 'rlbench[ray]'", "an extra that tests have not", skip=True),
    Allowance("docs/cluster.md", "rlbench run study.yaml -o out3 --executor ray", "the same", skip=True),
    Allowance("README.md", "make run", "run, with the table it promises, by tests/test_readme.py", skip=True),
    Allowance("README.md", "task          algorithm", "checked by tests/test_readme.py", loose=True),
    Allowance(
        "docs/index.md",
        "python3 dev.py",
        "it is run in the repository",
        replace={"python3 dev.py": "python3 $ROOT/dev.py"},
    ),
    Allowance("docs/index.md", "rlbench run quickstart", MINUTES, replace={"quickstart": "quickstart -s 1 -a random"}),
    Allowance(
        "docs/index.md",
        "task          algorithm",
        "checked by tests/test_readme.py, which trains all three",
        loose=True,
    ),
    Allowance("docs/protocol.md", "task          algorithm", "the table of index.md, without its command", loose=True),
    Allowance(
        "docs/adaptive.md",
        "rlbench run quickstart --until-decided",
        MINUTES,
        replace={"--until-decided": "--until-decided -a ppo -a random --looks 1"},
    ),
    Allowance("docs/tuning.md", "rlbench check study", MINUTES, before=SEARCH, replace={"study.yaml": "search.yaml"}),
    Allowance(
        "docs/tuning.md", "study: for each of dqn and ppo", "the numbers of the suite that is not run", loose=True
    ),
    Allowance("docs/tuning.md", "dqn: response to each", "the numbers of the suite that is not run", loose=True),
    Allowance(
        "docs/environments.md",
        'environments:\n  - {id: "minigrid:',
        "its packages are extras that tests have not",
        skip=True,
    ),
    Allowance("docs/environments.md", "python benchmarks/worlds.py", HOURS, skip=True),
    Allowance("docs/scale.md", "python benchmarks/scale.py", MINUTES, skip=True),
    Allowance("docs/images.md", "name: pixels", "MinAtar is an extra that tests have not", skip=True),
    Allowance(
        "docs/images.md",
        "environments:\n  - id: ale_py:PongNoFrameskip-v4",
        "its wrapper needs ale-py and opencv-python, which tests have not",
        skip=True,
    ),
    Allowance("docs/images.md", "rlbench run minatar", "its packages are extras that tests have not", skip=True),
    Allowance(
        "docs/gate.md",
        "rlbench run suite.yaml -o results/base",
        "the reader has a suite",
        before=SMALL.replace("small.yaml", "suite.yaml"),
    ),
    Allowance(
        "docs/gate.md",
        "name: gate",
        MINUTES,
        replace={
            "30_000": "1_200",
            "seeds: 20": "seeds: 5",
            "every: 10_000": "every: 0",
            "final_episodes: 100": "final_episodes: 5",
        },
    ),
    Allowance(
        "docs/gate.md",
        "rlbench run gate.yaml -o results/base",
        "it ends with 1, which is what is shown; so few steps show anything",
        ends=(0, 1, 5),
        before="rm -r results",
    ),
    Allowance(
        "docs/gate.md",
        "rlbench run gate.yaml -o results/again",
        "20 runs take minutes; it ends with 5, which is what is shown",
        replace={",".join(map(str, range(20, 40))): "20,21,22,23,24"},
        ends=(0, 1, 5),
    ),
    Allowance("docs/gate.md", "results/loss against results/base", "of runs a hundred times as long", loose=True),
    Allowance("docs/gate.md", "results/again against results/base", "of runs a hundred times as long", loose=True),
    Allowance(
        "docs/gate.md",
        "rlbench check-against zoo results/mine",
        "the reader has results; none of these small ones is of a task in SLM-Lab's table",
        before="cp -r results/base results/mine",
        ends=(0, 4),
    ),
    Allowance(
        "docs/import.md",
        "rlbench import theirs.csv",
        "the reader has the file; here it is the one that the page shows",
        before="printf 'algorithm,environment,seed,step,return\\ntheirs,CartPole-v1,0,2100,181\\ntheirs,CartPole-v1,0,2600,500\\n' > theirs.csv",
    ),
    Allowance(
        "docs/import.md",
        "rlbench import --from tdmpc2",
        "the reader has the projects' files; here they are small ones of the same layout",
        before="mkdir -p tdmpc2/results/tdmpc2 dreamerv3/scores\n"
        "printf 'step,reward,seed\\n0,1.5,1\\n1000,812.5,1\\n' > tdmpc2/results/tdmpc2/pendulum-swingup.csv\n"
        """echo '[{"task": "dmc_walker_walk", "method": "dreamerv3", "seed": 0, "xs": [0, 9], "ys": [1, 2]}]' """
        "> dreamerv3/scores/dmc_proprio-dreamerv3.json",
    ),
    Allowance(
        "docs/import.md",
        "rlbench import --from marl-eval",
        "the reader has the file; here it is a small one of the same layout",
        before="""echo '{"Matrax": {"Climbing-stateless-v0": {"ff_ippo": {"seed_0": {"absolute_metrics": {}, """
        """"step_0": {"step_count": 100, "elapsed_time": 0.5, "mean_episode_return": [5.0]}}}}}}' > metrics.json""",
    ),
    Allowance("docs/import.md", "algorithm,environment", "a file that is read, not what is printed", loose=True),
    Allowance(
        "docs/export.md",
        "rlbench export mine --to tensorboard",
        "the reader has results",
        before=SMALL.replace("every: 0", "every: 100") + "rlbench run small.yaml",
    ),
    Allowance("docs/report.md", "import rlbench", "the reader has results", before=SMALL + "rlbench run small.yaml"),
    Allowance(
        "docs/report.md", "rlbench report mine", "the reader has results", before=SMALL + "rlbench run small.yaml"
    ),
    Allowance(
        "docs/rules.md",
        "import pytest",
        "every rule is put to dqn by the tests marked conformance",
        replace={'"rule", RULES': '"rule", [rule for rule in RULES if rule in ("budget", "acting")]'},
    ),
    Allowance("docs/models.md", "rlbench run models", MINUTES, skip=True),
    Allowance("docs/curricula.md", "rlbench compare --curriculum", "so few runs may decide nothing", ends=(0, 5)),
    Allowance("docs/memory.md", 'pip install "rlbench[memory]"', MINUTES, skip=True),
    Allowance("docs/agents.md", 'pip install "rlbench[multiagent]"', "its packages are extras of few", skip=True),
    Allowance("docs/agents.md", "environments:\n  - id: mpe2", "its packages are extras of few", skip=True),
    Allowance("docs/scores.md", ".venv/bin/rlbench run suites/classic-full.yaml", HOURS, skip=True),
    Allowance("docs/scores.md", ".venv/bin/rlbench run suites/vs-sb3.yaml", HOURS, skip=True),
    Allowance(
        "docs/scripts.md",
        "rlbench run examples/script/suite.yaml",
        "it is called in the repository, and trains for minutes",
        before="cp -r $ROOT/examples . && sed -i.before s/20_000/1_000/ examples/script/suite.yaml",
        replace={"suite.yaml": "suite.yaml -s 1"},
    ),
    Allowance("docs/bring-your-sb3.md", "name: entropy", MINUTES, replace={"20_000": "1_000", "seeds: 10": "seeds: 2"}),
    Allowance("docs/bring-your-sb3.md", "rlbench run entropy.yaml", "so few runs decide nothing", ends=(0, 5)),
    Allowance(
        "docs/change-an-algorithm.md", "name: entropy", MINUTES, replace={"20_000": "3_000", "seeds: 10": "seeds: 2"}
    ),
    Allowance("docs/change-an-algorithm.md", "rlbench test-plugin", "so few runs decide nothing", ends=(0, 5)),
    Allowance("docs/scripts.md", "global_step=", "a line of the script, not of rlbench", loose=True),
    Allowance(
        "docs/statistics.md",
        "rlbench anchors MyEnv-v0",
        "the reader has an environment and results of dqn and ppo; 20,000 episodes take a minute; so few runs decide nothing",
        replace={"MyEnv-v0 --upper": "CartPole-v1 --episodes 20 --upper", "MyEnv-v0=300": "CartPole-v1=300"},
        before=SMALL + "rlbench run small.yaml",
        ends=(0, 5),
    ),
    Allowance(
        "docs/write-an-algorithm.md",
        "pip install -e",
        "nothing is fetched or installed by this test: what pip would write stands in for it",
        replace={"pip install -e fourier_q": "python $ROOT/tests/support/as_if_installed.py fourier_q"},
    ),
    Allowance(
        "docs/write-an-algorithm.md",
        "pytest -q",
        "all rules take half a minute, and have been tried just before",
        replace={"pytest -q": "pytest -q -p no:cacheprovider -k 'budget or acting or update'"},
    ),
    Allowance(
        "docs/write-an-algorithm.md",
        "rlbench new suite against",
        "it trains for minutes",
        replace={"--steps 20000": "--steps 2000 -s 1"},
    ),
    Allowance(
        "docs/write-an-algorithm.md",
        "rlbench check",
        "it trains for a minute",
        before="sed -i.before s/20_000/2_000/ fourier_q/suite.yaml",
    ),
]
