"""A3C: one budget and one optimiser for several processes, n-step returns, and no process left whatever happens."""

import os
import subprocess
import sys
import threading
import time

import gymnasium
import numpy as np
import psutil
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from rlbench_a3c import rlbench_algorithms
from rlbench_a3c.a3c import A3C, Worker
from support.shared_steps import contribute

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.api import EnvironmentFault, Stopped, WorkerFailed
from rlbench.kit.shared_memory import run_workers, shared
from rlbench.seeding import EpisodeSeeds
from rlbench.testing import play
from rlbench.testing.fakes import BANDIT, CONSTANT, SHAPES


def children():
    return [
        p
        for p in psutil.Process().children(recursive=True)
        if "spawn_main" in " ".join(p.cmdline()) and p.status() != psutil.STATUS_ZOMBIE
    ]


# -- processes and the boundary ------------------------------------------------------------------------------------


class Watched(A3C):
    """Notes what moved while the boundary evaluated."""

    moved = ()

    def act(self, obs):
        before = self.shared.taken.sum().item(), self.shared.params.clone()
        time.sleep(0.002)
        after = self.shared.taken.sum().item(), self.shared.params
        self.moved = (*self.moved, before[0] != after[0] or not torch.equal(before[1], after[1]))
        return super().act(obs)


def test_the_budget_is_spent_to_the_step_and_everyone_waits_while_the_policy_is_evaluated():
    config = A3C.Config(n_workers=2, net_arch=(16,))
    played = play(Watched, config, CONSTANT, [4], 1001, kwargs={"length": 7}, every=250, episodes=1, final_episodes=1)
    taken = played.algorithm.shared.taken
    assert played.outcome.steps == 1001 == taken.sum() and (taken > 0).all()
    assert (played.algorithm.shared.square > 0).any()  # what the workers' optimiser keeps is seen here
    assert [(e.kind, e.step) for e in played.sink.evaluations] == [
        *(("grid", k) for k in (250, 500, 750, 1000)),
        ("final", 1001),
    ]
    assert len(played.algorithm.moved) == 5 * 7 and not any(played.algorithm.moved)
    for rank in (0, 1):
        episodes = [e for e in played.sink.episodes if e.rank == rank]
        seeds = EpisodeSeeds(SeedStreams([4]).sequence("environment", 0, rank), "training")
        assert [e.reset_seed for e in episodes] == [seeds[k] for k in range(len(episodes))]
        assert {(e.length, e.return_) for e in episodes} == {(7, 7.0)}
        assert int(taken[rank]) - 6 <= sum(e.length for e in episodes) <= int(taken[rank])
    assert children() == []


def test_a_worker_that_raises_ends_the_run_and_leaves_no_process():
    with pytest.raises(EnvironmentFault, match="its step raised ZeroDivisionError"):  # an environment of one arm
        play(A3C, A3C.Config(n_workers=2), BANDIT, [0], 10_000_000, kwargs={"actions": 1})
    assert children() == []


def test_a_worker_that_is_killed_ends_the_run_and_leaves_no_process():
    class Killed(A3C):
        def train(self, interaction):
            threading.Thread(target=self.kill).start()
            super().train(interaction)

        def kill(self):
            while not (self.shared.taken > 100).all():
                time.sleep(0.01)
            children()[0].kill()

    with pytest.raises(WorkerFailed, match="exit code -9"):
        play(Killed, A3C.Config(n_workers=2), CONSTANT, [0], 1 << 40)
    assert children() == []


def test_a_number_of_an_environment_that_is_not_finite_fails_the_run():
    bad = EpisodeSeeds(SeedStreams([4]).sequence("environment", 0, 1), "training")[2]
    with pytest.raises(EnvironmentFault, match="its step gave an observation that is not finite"):
        play(A3C, A3C.Config(n_workers=2), SHAPES, [4], 10_000_000, kwargs={"dims": 3, "bad_seeds": [bad]})
    assert children() == []


def test_a_stop_ends_the_workers():
    class Stops(A3C):
        def train(self, interaction):
            threading.Thread(target=self.stop, args=(interaction,), daemon=True).start()
            super().train(interaction)

        def stop(self, interaction):
            while not (self.shared.taken > 100).all():
                time.sleep(0.01)
            interaction.request_stop()

    with pytest.raises(Stopped):
        play(Stops, A3C.Config(n_workers=2), CONSTANT, [0], 1 << 40)
    assert children() == []


RUN = """
import threading, time
from rlbench_a3c.a3c import A3C
from rlbench.testing import play
from rlbench.testing.fakes import CONSTANT

class Says(A3C):
    def train(self, interaction):
        def say():
            while not (self.shared.taken > 100).all():
                time.sleep(0.01)
            print("stepping", flush=True)
        threading.Thread(target=say, daemon=True).start()
        super().train(interaction)

if __name__ == "__main__":
    play(Says, A3C.Config(n_workers=2), CONSTANT, [4], 1 << 40, kwargs={"length": 1 << 40})  # no episode ends
"""


def test_no_worker_outlives_the_run(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(RUN)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout.readline() == b"stepping\n"
        found = [p for p in psutil.Process(process.pid).children() if "spawn_main" in " ".join(p.cmdline())]
        process.kill()
    _, alive = psutil.wait_procs(found, timeout=10)
    for survivor in alive:
        survivor.kill()
    assert len(found) == 2 and alive == []


class Attends:
    """A stand-in for an interaction: no environment, and processes are simply waited for."""

    def make_env(self, seed_index, rank):
        return f"environment {rank}"

    def attend(self, processes):
        for process in processes:
            process.join()


def test_two_processes_keep_one_average_of_squares():
    params, square, turn = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.0]]), torch.zeros(1, dtype=torch.int64)
    grads, alpha, eps, lr = torch.tensor([[1.0, 0.0], [-2.0, 4.0]]), 0.75, 0.01, 0.1
    parts = [shared(x) for x in (params, square, turn)]
    run_workers(Attends(), 2, contribute, *parts, grads, alpha, eps, lr)
    p, g = params.numpy()[0].astype(float), square.numpy()[0].astype(float)
    for grad in grads.numpy():
        g = alpha * g + (1 - alpha) * grad**2
        p = p - lr * grad / (g + eps) ** 0.5
    assert g == pytest.approx([0.75 * (0.75 * 0.5 + 0.25) + 0.25 * 4, 4.0])
    assert parts[1].numpy()[0] == pytest.approx(g) and parts[0].numpy()[0] == pytest.approx(p)
    assert torch.equal(params, torch.tensor([[1.0, 2.0]]))  # the parts are copies


# -- what one worker computes, in this process ----------------------------------------------------------------------


class Played(gymnasium.Env):
    """Random observations; the episode ends by `how` after `length` steps. What was seen is kept."""

    finished = False

    def __init__(self, space, length, how):
        self.observation_space, self.action_space = Box(-9, 9, (5,), np.float32), space
        self.length, self.how, self.seen, self.steps = length, how, [], 0
        self.numbers = np.random.default_rng(0)

    def reset(self, **_):
        self.steps, self.obs = 0, self.numbers.normal(size=5).astype(np.float32)
        return self.obs, {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.steps += 1
        before, reward = self.obs, float(self.numbers.normal())
        self.obs, over = self.numbers.normal(size=5).astype(np.float32), self.steps == self.length
        self.seen.append((before, action, reward, self.obs))
        return self.obs, reward, over and self.how == "terminated", over and self.how == "truncated", {}


class Records:
    def apply(self, params, grad, lr):
        self.params, self.grad, self.lr = params, grad, lr


SPACES = {1: Discrete(1), 3: Discrete(3), 6: Discrete(6)} | {
    -n: Box(-np.arange(n, dtype=np.float32) - 1, np.arange(n, dtype=np.float32) * 2 + 2) for n in (1, 3, 6)
}


def one_worker(space, length=100, how="", steps=1000, **config):
    env = Played(space, length, how)
    config = A3C.Config(**{"n_workers": 3, "net_arch": (16,), "log_std_init": -0.3, **config})
    task = TaskInfo("", env.observation_space, space, 1, steps)
    algorithm = A3C(config, task, SeedStreams([3]), Device())
    worker = Worker(env, 1, algorithm.shared, config, task, SeedStreams([3]))
    worker.optimizer = Records()
    return worker, env, algorithm


def slow_gradient(worker, env, params, bootstrap):
    """Algorithm S3 as the paper has it, step by step, with torch's own distributions."""
    c, network, params = worker.config, worker.network, params.clone().requires_grad_()
    seen, total = env.seen, 0.0

    def tensor(obs):
        return torch.from_numpy(obs).view(1, 1, -1)

    def value(obs):
        return network.critic(params[:, -network.critic.size :], obs)[0, 0, 0]

    goal = value(tensor(seen[-1][3])).detach() if bootstrap else torch.tensor(0.0)
    rows = zip(reversed(seen), reversed(range(len(seen))))
    for (obs, taken, reward, _), t in rows:
        goal = reward + c.gamma * goal
        head, extra = network.actor(params[:, : -network.critic.size], tensor(obs))
        head = head[0, 0]
        if isinstance(env.action_space, Discrete):
            policy, action = torch.distributions.Categorical(logits=head), torch.tensor(int(taken))
        else:
            action = worker.rollout.tensors()["action"][0, t, 0]
            spread = extra[0, : len(head)].exp()
            policy = torch.distributions.Independent(torch.distributions.Normal(head, spread), 1)
        error = goal - value(tensor(obs))
        total = total - policy.log_prob(action) * error.detach() + c.vf_coef * error**2
        total = total - c.ent_coef * policy.entropy()
    return torch.autograd.grad(total / c.n_steps, params)[0]


@pytest.mark.parametrize("actions", SPACES)
@pytest.mark.parametrize(("length", "how"), [(4, "terminated"), (4, "truncated"), (7, "terminated"), (9, "terminated")])
def test_the_gradient_is_that_of_the_papers_loop(actions, length, how):
    worker, env, algorithm = one_worker(SPACES[actions], length, how, n_steps=7, gamma=0.8, max_grad_norm=1e9)
    params = algorithm.shared.params.clone()
    params += 0.3 * torch.from_numpy(env.numbers.normal(size=params.shape)).float()  # a policy with preferences
    worker.learn(params, worker.collect(params))
    assert len(env.seen) == min(length, 7) == int(algorithm.shared.taken[1])
    bootstrap = how == "truncated" or length > 7
    expected = slow_gradient(worker, env, params, bootstrap)
    assert worker.optimizer.grad.numpy() == pytest.approx(expected.numpy(), abs=1e-5)
    other = slow_gradient(worker, env, params, not bootstrap)
    assert abs(worker.optimizer.grad - other).max() > 1e-3
    assert worker.optimizer.params is algorithm.shared.params


def test_an_environment_may_write_each_observation_into_the_same_memory():
    worker, env, algorithm = one_worker(Discrete(2), 4, "truncated", n_steps=7)
    step, memory = env.step, np.zeros(5, np.float32)

    def reusing(obs, *rest):
        memory[:] = obs
        return memory, *rest

    env.reset, env.step = lambda reset=env.reset: reusing(*reset()), lambda action: reusing(*step(action))
    worker.obs = worker.flat(env.reset()[0])
    last = worker.collect(algorithm.shared.params)
    states = worker.rollout.tensors()["obs"][0, :4, 0].numpy()
    assert all(np.array_equal(state, seen[0]) for state, seen in zip(states, env.seen, strict=True))
    assert np.array_equal(last[0, 0].numpy(), env.seen[3][3])


def test_a_rollout_after_an_end_begins_with_the_next_episode_and_one_after_none_goes_on():
    worker, env, algorithm = one_worker(Discrete(2), 9, "terminated", n_steps=7)
    for _ in range(3):
        worker.collect(algorithm.shared.params)
    assert [len(env.seen), worker.rollout.length, env.steps] == [16, 7, 7]
    assert all(np.array_equal(env.seen[t][3], env.seen[t + 1][0]) for t in range(15) if t != 8)
    assert not np.array_equal(env.seen[8][3], env.seen[9][0])


def test_a_worker_scales_rewards_by_the_deviation_of_its_own_discounted_returns_so_far():
    worker, env, algorithm = one_worker(Discrete(2), 4, "terminated", n_steps=7, gamma=0.8, normalize_reward=True)
    expected, returns, current = [], [], 0.0
    for _ in range(3):
        worker.collect(algorithm.shared.params)
        for t in range(len(expected), len(env.seen)):
            current = 0.8 * current * (t % 4 != 0) + env.seen[t][2]
            returns.append(current)
            expected.append(env.seen[t][2] / max(np.std(returns), 1e-4))
        got = worker.rollout.tensors()["reward"][0, : worker.rollout.length, 0].numpy()
        assert got == pytest.approx(np.clip(expected[-len(got) :], -10, 10), rel=1e-3)
    assert len(expected) == 12


def test_gradients_are_clipped_and_the_learning_rate_goes_to_zero_with_the_steps_of_all_workers():
    worker, _, algorithm = one_worker(Discrete(3), learning_rate="lin_0.2", steps=1000, n_steps=5, max_grad_norm=1e-3)
    algorithm.shared.taken[:] += torch.tensor([400, 95, 250])
    last = worker.collect(algorithm.shared.params)
    worker.learn(algorithm.shared.params, last)
    assert worker.optimizer.lr == pytest.approx(0.2 * 0.25)
    assert worker.optimizer.grad.norm() == pytest.approx(1e-3, rel=1e-2)
    algorithm.shared.taken[:] += 1000
    worker.learn(algorithm.shared.params, last)
    assert worker.optimizer.lr == 0
    worker, *_ = one_worker(Discrete(3), learning_rate=0.2)
    worker.learn(algorithm.shared.params, worker.collect(algorithm.shared.params))
    assert worker.optimizer.lr == 0.2


def test_a_worker_acts_by_one_copy_of_the_parameters_for_a_whole_rollout():
    worker, env, algorithm = one_worker(Discrete(2), n_steps=5)
    seen, real = [], worker.network.draw
    worker.network.draw = lambda params, *rest: seen.append(params) or real(params, *rest)

    def learn(params, last):
        seen.append(params)
        env.finished = True

    worker.learn = learn
    worker.run()
    assert len(seen) == 6 and all(params is seen[0] for params in seen) and seen[0] is not algorithm.shared.params


# -- the policy that is evaluated -------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", SPACES)
def test_the_sampled_policy_has_the_networks_distribution_and_draws_from_evaluate_alone(actions):
    _, env, algorithm = one_worker(SPACES[actions])
    space, params, obs = env.action_space, algorithm.shared.params, np.full((1, 20_000, 5), 0.7, np.float32)
    params += 0.2 * torch.from_numpy(np.random.default_rng(1).normal(size=params.shape)).float()
    with algorithm.streams.only("evaluate"):
        drawn = algorithm.policy("sampled")(obs, None)
        again = algorithm.policy("sampled")(obs, None)
        greedy = algorithm.policy()(obs, None)
    head, extra = (x.numpy() for x in algorithm.network.policy(params, torch.from_numpy(obs[:, :1])))
    head = head[0, 0].astype(float)
    if actions > 0:
        assert drawn.shape == (1, 20_000) and (greedy == head.argmax()).all()
        counts = np.bincount(drawn[0], minlength=actions) / drawn.size
        assert counts == pytest.approx(np.exp(head) / np.exp(head).sum(), abs=0.015)
    else:
        assert drawn.shape == (1, 20_000, -actions) and drawn.dtype == np.float32
        assert greedy[0, 0] == pytest.approx(np.clip(head, space.low, space.high), abs=1e-5)
        spread = np.random.default_rng(2).normal(head, np.exp(extra[0, : len(head)]), (20_000, -actions))
        expected = np.clip(spread, space.low, space.high)
        assert drawn[0].mean(0) == pytest.approx(expected.mean(0), abs=0.05)
        assert drawn[0].std(0) == pytest.approx(expected.std(0), rel=0.1, abs=0.01)
    assert actions == 1 or not np.array_equal(drawn, again)


def test_a_published_policy_is_taken_back():
    _, _, algorithm = one_worker(SPACES[-3])
    _, _, other = one_worker(SPACES[-3])
    algorithm.shared.params[:] += 0.1
    other.load_final_state(algorithm.final_state())
    obs = np.random.default_rng(0).normal(size=(1, 9, 5)).astype(np.float32)
    assert np.array_equal(other.act(obs), algorithm.act(obs))
    assert set(algorithm.final_state()) == {"params"} and algorithm.final_state()["params"].shape[0] == 1


def test_it_says_that_it_can_neither_be_stacked_nor_repeated():
    (spec,) = rlbench_algorithms()
    assert not (spec.stackable or spec.resumable or spec.reproducible) and spec.load() is A3C
    task = TaskInfo("", Box(-1, 1, (2,)), Discrete(2), 1, 10)
    for seeds, device in (([1, 2], "cpu"), ([1], "cuda:0")):
        with pytest.raises(ValueError, match="one seed on the CPU"):
            A3C(A3C.Config(), task, SeedStreams(seeds), Device(device))
