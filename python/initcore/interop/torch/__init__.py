"""PyTorch: whole models in place or from the meta device, and a drop-in for torch.nn.init."""

from initcore.interop.torch import init
from initcore.interop.torch._initialize import initialize, prepare
from initcore.interop.torch._materialize import materialize
from initcore.interop.torch._prepared import Prepared

__all__ = ["Prepared", "init", "initialize", "materialize", "prepare"]
