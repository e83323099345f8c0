"""Which system calls a student's code is refused, and their numbers (Linux's asm/unistd_64.h, asm-generic/unistd.h)."""

# Ways to move a wall, to hide memory from the limits, to reach another process, or into parts of the
# kernel that no exercise needs and where holes were found before.
# No new process: one that root started may make any number of them, faster than anybody can count and end.
REFUSED = (
    "fork", "vfork",
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr",
    "memfd_create", "memfd_secret", "shmget", "semget", "msgget", "mq_open",
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "userfaultfd",
    "add_key", "request_key", "keyctl", "bpf", "perf_event_open", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "fanotify_init", "kexec_load", "init_module", "finit_module", "delete_module", "quotactl",
    "acct", "swapon", "swapoff", "reboot", "syslog", "open_by_handle_at", "name_to_handle_at",
)  # fmt: skip
CLONE_THREAD = 0x00010000
CLONE_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
LARGER_BUFFERS = (7, 32)  # SO_SNDBUF, SO_SNDBUFFORCE: megabytes of the kernel's own memory a socket
ALLOWED_FAMILY = 1  # AF_UNIX, which torch's data loaders use among their own processes

# From 424 on, all processors number alike.
_COMMON = {
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435, "pidfd_getfd": 438,
    "mount_setattr": 442, "memfd_secret": 447,
}  # fmt: skip
_X86_64 = {
    "clone": 56, "fork": 57, "vfork": 58, "socket": 41, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166,
    "pivot_root": 155, "chroot": 161, "memfd_create": 319, "shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240,
    "setsockopt": 54, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
    "kcmp": 312, "userfaultfd": 323, "add_key": 248, "request_key": 249, "keyctl": 250,
    "bpf": 321, "perf_event_open": 298, "fanotify_init": 300, "kexec_load": 246, "init_module": 175,
    "finit_module": 313, "delete_module": 176, "quotactl": 179, "acct": 163, "swapon": 167, "swapoff": 168,
    "reboot": 169, "syslog": 103, "open_by_handle_at": 304, "name_to_handle_at": 303,
}  # fmt: skip
_AARCH64 = {
    "clone": 220, "socket": 198, "unshare": 97, "setns": 268, "mount": 40, "umount2": 39, "pivot_root": 41,
    "chroot": 51, "memfd_create": 279, "shmget": 194, "semget": 190, "msgget": 186, "mq_open": 180,
    "setsockopt": 208, "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271,
    "kcmp": 272, "userfaultfd": 282, "add_key": 217, "request_key": 218, "keyctl": 219,
    "bpf": 280, "perf_event_open": 241, "fanotify_init": 262, "kexec_load": 104, "init_module": 105,
    "finit_module": 273, "delete_module": 106, "quotactl": 60, "acct": 89, "swapon": 224, "swapoff": 225,
    "reboot": 142, "syslog": 116, "open_by_handle_at": 265, "name_to_handle_at": 264,
}  # fmt: skip
# What uname calls the processor: its AUDIT_ARCH_… value and its numbers.
ARCHITECTURES = {
    "x86_64": (0xC000003E, _COMMON | _X86_64),
    "aarch64": (0xC00000B7, _COMMON | _AARCH64),
}
