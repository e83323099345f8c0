"""What a notebook runs on: library version, device, memory, corpus."""

import os
from importlib.metadata import version

import torch

from course_lib.corpus import load_corpus


def default_device() -> torch.device:
    """Return the device to train on: CUDA, else Apple's GPU, else the CPU.

    The environment variable `COURSE_DEVICE` overrules the choice, for example with "cpu".
    """
    if chosen := os.environ.get("COURSE_DEVICE"):
        return torch.device(chosen)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def describe_environment() -> str:
    """Return four lines: version of course_lib, device, memory in GiB, corpus.

    The memory is the GPU's where CUDA is used, else the machine's. Two more lines follow if the
    corpus is a stand-in. The corpus is loaded, so the first call may download it.
    """
    corpus = load_corpus()
    lines = [
        f"course_lib {version('course-lib')}",
        f"device: {device_name(default_device())}",
        f"memory: {_memory()}",
        f"corpus: {corpus.name}, {len(corpus.text):,} characters",
    ]
    if corpus.is_stand_in:
        lines.append("The real corpus could not be had: this is a stand-in made by a generator.")
        lines.append("Counts and shapes are the same; the losses are not Shakespeare's.")
    return "\n".join(lines)


def device_name(device: torch.device) -> str:
    """Return the name of a device, such as "CPU, 2 threads" or "NVIDIA H100"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return "Apple GPU" if device.type == "mps" else f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def _memory() -> str:
    if default_device().type == "cuda":
        size = torch.cuda.get_device_properties(0).total_memory
    elif hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    else:
        return "unknown"
    return f"{size / 2**30:.0f} GiB"
