"""Live pictures and quizzes for the notebooks and the pages made from them."""

from course_lib.widgets.batches import BatchPicture, explore_batch

__all__ = ["BatchPicture", "explore_batch"]
