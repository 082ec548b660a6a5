"""What the API needs of the house, as a type; `service.main.House` is the one that is built."""

from typing import Protocol

from service.access import Accounts, Walls
from service.adapters import Adapters
from service.assistant import Assistant, Conversations
from service.config import Settings
from service.engines import Engine
from service.retrieval import Library
from service.training import Datasets, Training


class House(Protocol):
    @property
    def settings(self) -> Settings: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def walls(self) -> Walls: ...
    @property
    def library(self) -> Library: ...
    @property
    def adapters(self) -> Adapters: ...
    @property
    def training(self) -> Training: ...
    @property
    def datasets(self) -> Datasets: ...
    @property
    def conversations(self) -> Conversations: ...
    @property
    def stage(self) -> str:
        """What the house is doing: "ready", or a few words about what is loading or what failed."""

    @property
    def engine(self) -> Engine:
        """Raises NotReady while the model loads."""

    @property
    def assistant(self) -> Assistant:
        """Raises NotReady while the model loads."""
