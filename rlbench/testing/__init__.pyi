from rlbench.testing.group_training import Played as Played
from rlbench.testing.group_training import play as play
from rlbench.testing.pytest_rules import RULES as RULES
from rlbench.testing.pytest_rules import check as check
