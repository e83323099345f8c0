"""Around the Transformer: the training loop around a transformer, piece by piece.

text -> tokens (N,) -> halves -> batch x, y (B, T) -> logits (B, T, V) -> loss () -> gradients
-> clipped -> learning rate -> update -> one record a step.
"""

from course_lib.batches import get_batch
from course_lib.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from course_lib.clipping import NonFiniteGradientError, clip_grad_norm
from course_lib.corpus import CharTokenizer, Corpus, StandInWarning, load_corpus, split
from course_lib.environment import default_device, describe_environment
from course_lib.evaluation import Evaluation, evaluate
from course_lib.loss import next_token_loss
from course_lib.model import GPT, GPTConfig
from course_lib.sampling import generate
from course_lib.schedule import WarmupCosine, WarmupLinear, WarmupStableDecay
from course_lib.train_config import TrainConfig
from course_lib.training import NonFiniteLossError, StepRecord, train

__all__ = [
    "GPT", "CharTokenizer", "CheckpointError", "Corpus", "Evaluation", "GPTConfig",
    "NonFiniteGradientError", "NonFiniteLossError", "StandInWarning", "StepRecord", "TrainConfig",
    "WarmupCosine", "WarmupLinear", "WarmupStableDecay", "clip_grad_norm", "default_device",
    "describe_environment", "evaluate", "generate", "get_batch", "load_checkpoint", "load_corpus",
    "next_token_loss", "save_checkpoint", "split", "train",
]  # fmt: skip
