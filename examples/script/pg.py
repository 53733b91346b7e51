"""REINFORCE with a baseline for CartPole-like tasks, in one file, independent of rlbench. It prints like CleanRL."""

import argparse

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--env-id", default="CartPole-v1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--total-timesteps", type=int, default=50_000)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--gamma", type=float, default=0.99)
    return parser.parse_args()


if __name__ == "__main__":
    args = parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    env = gym.wrappers.RecordEpisodeStatistics(gym.make(args.env_id))
    size = int(np.prod(env.observation_space.shape))
    actor = nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Linear(64, int(env.action_space.n)))
    critic = nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=args.learning_rate)

    obs, _ = env.reset(seed=args.seed)
    episode = []
    for global_step in range(1, args.total_timesteps + 1):
        seen = torch.as_tensor(obs, dtype=torch.float32)
        with torch.no_grad():
            action = Categorical(logits=actor(seen)).sample()
        obs, reward, terminated, truncated, info = env.step(action.item())
        episode.append((seen, action, float(reward)))
        if not (terminated or truncated):
            continue
        print(f"global_step={global_step}, episodic_return={info['episode']['r']}")

        seen, actions = torch.stack([e[0] for e in episode]), torch.stack([e[1] for e in episode])
        following = 0.0 if terminated else critic(torch.as_tensor(obs, dtype=torch.float32)).item()
        returns = []
        for _, _, reward in reversed(episode):
            following = reward + args.gamma * following
            returns.insert(0, following)
        target = torch.tensor(returns)
        value = critic(seen).squeeze(-1)
        advantage = (target - value).detach()
        policy_loss = -(Categorical(logits=actor(seen)).log_prob(actions) * advantage).mean()
        value_loss = (target - value).pow(2).mean()
        optimizer.zero_grad()
        (policy_loss + 0.01 * value_loss).backward()
        optimizer.step()
        obs, _ = env.reset()
        episode = []
    env.close()
