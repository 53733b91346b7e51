from rlbench.analysis.suite_results import Results as Results
from rlbench.api.algorithm import Algorithm as Algorithm
from rlbench.api.algorithm import AlgorithmSpec as AlgorithmSpec
from rlbench.api.algorithm import Supports as Supports
from rlbench.api.algorithm import setting as setting
from rlbench.api.algorithm import updates_from_replay as updates_from_replay
from rlbench.api.errors import BudgetExceeded as BudgetExceeded
from rlbench.api.errors import RlbenchError as RlbenchError
from rlbench.api.hookspecs import hookimpl as hookimpl
from rlbench.api.interaction import Interaction as Interaction
from rlbench.api.interaction import Transition as Transition
from rlbench.api.specs import EnvBackendSpec as EnvBackendSpec
from rlbench.api.specs import ExecutorSpec as ExecutorSpec
from rlbench.api.specs import SectionSpec as SectionSpec
from rlbench.api.task import Device as Device
from rlbench.api.task import EvaluationProtocol as EvaluationProtocol
from rlbench.api.task import Task as Task
from rlbench.api.task import TaskInfo as TaskInfo
from rlbench.envs.frame_stack import FrameStack as FrameStack
from rlbench.envs.gymnasium_backend import gymnasium_batch as gymnasium_batch
from rlbench.envs.gymnasium_backend import reference_backend as reference_backend
from rlbench.python_api import run as run
from rlbench.reports.notebook_results import load as load
from rlbench.seeding import SeedStreams as SeedStreams

__version__: str
