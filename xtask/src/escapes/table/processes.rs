//! Other processes, and what processes share.

use super::super::deed::{
    Deed,
    Value::{Bytes, Named, Number, Text},
};

const NOTHING: &str = "00000000000000000000000000000000";
/// `struct sched_attr` of an ordinary process.
const ORDINARY: &str = "300000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000";
/// `siginfo_t` of a signal that a process sends.
const VALUE: &str = "00000000000000009cffffff00000000\
                     00000000000000000000000000000000\
                     00000000000000000000000000000000\
                     00000000000000000000000000000000\
                     00000000000000000000000000000000\
                     00000000000000000000000000000000\
                     00000000000000000000000000000000\
                     00000000000000000000000000000000";
const KEY: i64 = 0x4d4f_5254;

pub(super) const DEEDS: &[Deed] = &[
    Deed::call(
        "signal the server",
        &[Number(libc::SYS_kill), Named("server"), Number(0)],
    ),
    Deed::call(
        "signal a neighbour",
        &[Number(libc::SYS_kill), Named("neighbour"), Number(0)],
    ),
    Deed::call(
        "signal a thread of the server",
        &[
            Number(libc::SYS_tgkill),
            Named("server"),
            Named("server"),
            Number(0),
        ],
    ),
    Deed::call(
        "signal a thread of the server, tkill",
        &[Number(libc::SYS_tkill), Named("server"), Number(0)],
    ),
    Deed::call(
        "signal the server with a value",
        &[
            Number(libc::SYS_rt_sigqueueinfo),
            Named("server"),
            Number(0),
            Bytes(VALUE),
        ],
    ),
    Deed::call(
        "open the server's process",
        &[Number(libc::SYS_pidfd_open), Named("server"), Number(0)],
    ),
    Deed::call(
        "take a descriptor of another process",
        &[
            Number(libc::SYS_pidfd_getfd),
            Number(-1),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "trace a neighbour",
        &[
            Number(libc::SYS_ptrace),
            Number(0x4206),
            Named("neighbour"),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "read another process's memory",
        &[
            Number(libc::SYS_process_vm_readv),
            Named("server"),
            Bytes(NOTHING),
            Number(0),
            Bytes(NOTHING),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "write another process's memory",
        &[
            Number(libc::SYS_process_vm_writev),
            Named("server"),
            Bytes(NOTHING),
            Number(0),
            Bytes(NOTHING),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "advise another process's memory",
        &[
            Number(libc::SYS_process_madvise),
            Number(-1),
            Bytes(NOTHING),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "release another process's memory",
        &[Number(libc::SYS_process_mrelease), Number(-1), Number(0)],
    ),
    Deed::call(
        "compare two processes",
        &[
            Number(libc::SYS_kcmp),
            Named("server"),
            Named("server"),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "move another process's pages",
        &[
            Number(libc::SYS_move_pages),
            Named("server"),
            Number(0),
            Number(0),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "migrate another process's pages",
        &[
            Number(libc::SYS_migrate_pages),
            Named("server"),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "read the server's limits",
        &[
            Number(libc::SYS_prlimit64),
            Named("server"),
            Number(7),
            Number(0),
            Bytes(NOTHING),
        ],
    ),
    Deed::call(
        "set the server's file size limit",
        &[
            Number(libc::SYS_prlimit64),
            Named("server"),
            Number(1),
            Bytes("ffffffffffffffffffffffffffffffff"),
            Number(0),
        ],
    ),
    Deed::call(
        "set a neighbour's processors",
        &[
            Number(libc::SYS_sched_setaffinity),
            Named("neighbour"),
            Number(8),
            Bytes("ffffffffffffffff"),
        ],
    ),
    Deed::call(
        "set a neighbour's scheduling",
        &[
            Number(libc::SYS_sched_setscheduler),
            Named("neighbour"),
            Number(0),
            Bytes(NOTHING),
        ],
    ),
    Deed::call(
        "set a neighbour's scheduling, setparam",
        &[
            Number(libc::SYS_sched_setparam),
            Named("neighbour"),
            Bytes(NOTHING),
        ],
    ),
    Deed::call(
        "set a neighbour's scheduling, setattr",
        &[
            Number(libc::SYS_sched_setattr),
            Named("neighbour"),
            Bytes(ORDINARY),
            Number(0),
        ],
    ),
    Deed::call(
        "set a neighbour's priority",
        &[
            Number(libc::SYS_setpriority),
            Number(0),
            Named("neighbour"),
            Number(0),
        ],
    ),
    Deed::call(
        "set a neighbour's disk priority",
        &[
            Number(libc::SYS_ioprio_set),
            Number(1),
            Named("neighbour"),
            Number(0x4004),
        ],
    ),
    // Shared by all processes of a machine.
    Deed::call(
        "attach to shared memory of others",
        &[Number(libc::SYS_shmget), Number(KEY), Number(0), Number(0)],
    ),
    Deed::call(
        "use a queue of others",
        &[Number(libc::SYS_msgget), Number(KEY), Number(0)],
    ),
    Deed::call(
        "use a semaphore of others",
        &[Number(libc::SYS_semget), Number(KEY), Number(0), Number(0)],
    ),
    Deed::call(
        "make shared memory",
        &[
            Number(libc::SYS_shmget),
            Number(0),
            Number(0),
            Number(0o600),
        ],
    ),
    Deed::call(
        "remove shared memory",
        &[Number(libc::SYS_shmctl), Number(-1), Number(0), Number(0)],
    ),
    Deed::call(
        "attach shared memory",
        &[Number(libc::SYS_shmat), Number(-1), Number(0), Number(0)],
    ),
    Deed::call(
        "send to a System V queue",
        &[
            Number(libc::SYS_msgsnd),
            Number(-1),
            Bytes(NOTHING),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "operate a System V semaphore",
        &[
            Number(libc::SYS_semop),
            Number(-1),
            Bytes(NOTHING),
            Number(1),
        ],
    ),
    Deed::call(
        "open a message queue",
        &[
            Number(libc::SYS_mq_open),
            Text("mortise-escape"),
            Number(0o102),
            Number(0o600),
            Number(0),
        ],
    ),
    Deed::call(
        "remove a message queue",
        &[Number(libc::SYS_mq_unlink), Text("mortise-escape")],
    ),
    Deed::call(
        "send to a message queue",
        &[
            Number(libc::SYS_mq_timedsend),
            Number(-1),
            Bytes(NOTHING),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
];
