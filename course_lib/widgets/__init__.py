"""Live pictures and quizzes for the notebooks and the pages made from them."""

from course_lib.widgets.batches import BatchPicture, explore_batch
from course_lib.widgets.clipping import ClippingPicture, explore_clipping
from course_lib.widgets.corpus import SplitPicture, explore_split
from course_lib.widgets.loop import loop_html, loop_picture
from course_lib.widgets.loss import LossPicture, explore_loss
from course_lib.widgets.quiz import Choice, Numeric, Quiz, quiz
from course_lib.widgets.recorded import explore_recorded
from course_lib.widgets.schedule import SchedulePicture, explore_schedule
from course_lib.widgets.training import RunPicture, explore_run

__all__ = [
    "BatchPicture", "Choice", "ClippingPicture", "LossPicture", "Numeric", "Quiz", "RunPicture",
    "SchedulePicture", "SplitPicture", "explore_batch", "explore_clipping", "explore_loss",
    "explore_recorded", "explore_run", "explore_schedule", "explore_split", "loop_html", "loop_picture", "quiz",
]  # fmt: skip
