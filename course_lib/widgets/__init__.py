"""Live pictures and quizzes for the notebooks and the pages made from them."""

from course_lib.widgets.batches import BatchPicture, explore_batch
from course_lib.widgets.corpus import SplitPicture, explore_split

__all__ = ["BatchPicture", "SplitPicture", "explore_batch", "explore_split"]
