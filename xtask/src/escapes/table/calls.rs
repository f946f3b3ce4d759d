//! System calls for the kernel and the machine. Their arguments do no harm where
//! nothing denies them: most make the kernel answer that they are not valid.

use super::super::deed::{
    Deed,
    Value::{Bytes, Number, Text},
};

const HERE: i64 = libc::AT_FDCWD as i64;
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000\
                     0000000000000000000000000000000000000000000000000000000000000000\
                     0000000000000000000000000000000000000000000000000000000000000000\
                     0000000000000000000000000000000000000000000000000000000000000000\
                     0000000000000000000000000000000000000000000000000000000000000000\
                     0000000000000000000000000000000000000000000000000000000000000000\
                     0000000000000000000000000000000000000000000000000000000000000000";

pub(super) const DEEDS: &[Deed] = &[
    // The file system's shape.
    Deed::call(
        "mount",
        &[
            Number(libc::SYS_mount),
            Text("none"),
            Text("{outside}/file"),
            Text("tmpfs"),
            Number(0),
            Number(0),
        ],
    )
    .needs_root(),
    Deed::call(
        "unmount",
        &[Number(libc::SYS_umount2), Text("{outside}"), Number(0)],
    )
    .needs_root(),
    Deed::call(
        "change the root",
        &[Number(libc::SYS_chroot), Text("{outside}/file")],
    )
    .needs_root(),
    Deed::call(
        "exchange the root",
        &[Number(libc::SYS_pivot_root), Text("/"), Text("/")],
    )
    .needs_root(),
    Deed::call(
        "open a file system",
        &[Number(libc::SYS_fsopen), Text("tmpfs"), Number(0)],
    )
    .needs_root(),
    Deed::call(
        "configure a file system",
        &[
            Number(libc::SYS_fsconfig),
            Number(-1),
            Number(6),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "make a mount",
        &[Number(libc::SYS_fsmount), Number(-1), Number(0), Number(0)],
    )
    .needs_root(),
    Deed::call(
        "pick a mount",
        &[Number(libc::SYS_fspick), Number(HERE), Text("/"), Number(0)],
    )
    .needs_root(),
    Deed::call(
        "move a mount",
        &[
            Number(libc::SYS_move_mount),
            Number(-1),
            Text(""),
            Number(-1),
            Text(""),
            Number(0x44),
        ],
    )
    .needs_root(),
    Deed::call(
        "copy a tree of mounts",
        &[
            Number(libc::SYS_open_tree),
            Number(HERE),
            Text("/"),
            Number(1),
        ],
    )
    .needs_root(),
    Deed::call(
        "change a mount",
        &[
            Number(libc::SYS_mount_setattr),
            Number(HERE),
            Text("/"),
            Number(0),
            Bytes(ZEROS),
            Number(1),
        ],
    ),
    Deed::call(
        "write all file systems",
        &[Number(libc::SYS_syncfs), Number(-1)],
    ),
    Deed::call(
        "account for processes",
        &[Number(libc::SYS_acct), Number(1)],
    )
    .needs_root(),
    Deed::call(
        "swap to a file",
        &[Number(libc::SYS_swapon), Text("{outside}/file"), Number(0)],
    )
    .needs_root(),
    Deed::call(
        "stop swapping",
        &[Number(libc::SYS_swapoff), Text("{outside}/file")],
    )
    .needs_root(),
    Deed::call(
        "watch all files",
        &[Number(libc::SYS_fanotify_init), Number(0x200), Number(0)],
    ),
    Deed::call(
        "mark files to watch",
        &[
            Number(libc::SYS_fanotify_mark),
            Number(-1),
            Number(1),
            Number(2),
            Number(HERE),
            Number(0),
        ],
    ),
    Deed::call(
        "set quotas",
        &[
            Number(libc::SYS_quotactl_fd),
            Number(-1),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    // Namespaces.
    Deed::call(
        "make a namespace of users",
        &[
            Number(libc::SYS_unshare),
            Number(libc::CLONE_NEWUSER as i64),
        ],
    ),
    Deed::call(
        "make a namespace of networks",
        &[Number(libc::SYS_unshare), Number(libc::CLONE_NEWNET as i64)],
    )
    .needs_root(),
    Deed::call(
        "enter a namespace",
        &[Number(libc::SYS_setns), Number(-1), Number(0)],
    ),
    Deed::call(
        "start a process in a namespace",
        &[
            Number(libc::SYS_clone),
            Number(libc::CLONE_NEWUSER as i64 | libc::CLONE_FS as i64),
            Number(0),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "start a process by a structure",
        &[Number(libc::SYS_clone3), Number(0), Number(0)],
    ),
    // The kernel itself.
    Deed::call(
        "load a program into the kernel",
        &[Number(libc::SYS_bpf), Number(0), Bytes(ZEROS), Number(72)],
    )
    .needs_root(),
    Deed::call(
        "load a module",
        &[
            Number(libc::SYS_finit_module),
            Number(-1),
            Text(""),
            Number(0),
        ],
    )
    .needs_root(),
    Deed::call(
        "load a module from memory",
        &[
            Number(libc::SYS_init_module),
            Number(0),
            Number(0),
            Text(""),
        ],
    )
    .needs_root(),
    Deed::call(
        "unload a module",
        &[Number(libc::SYS_delete_module), Number(1), Number(0)],
    )
    .needs_root(),
    Deed::call(
        "load a kernel",
        &[
            Number(libc::SYS_kexec_load),
            Number(0),
            Number(99),
            Number(0),
            Number(0),
        ],
    )
    .needs_root(),
    Deed::call(
        "restart the machine",
        &[
            Number(libc::SYS_reboot),
            Number(0),
            Number(0),
            Number(0),
            Number(0),
        ],
    )
    .needs_root(),
    Deed::call(
        "count events",
        &[
            Number(libc::SYS_perf_event_open),
            Bytes(ZEROS),
            Number(0),
            Number(-1),
            Number(-1),
            Number(0),
        ],
    )
    .fails_anyway("it names no event"),
    Deed::call(
        "read the kernel's log",
        &[Number(libc::SYS_syslog), Number(10), Number(0), Number(0)],
    ),
    Deed::call(
        "handle page faults",
        &[Number(libc::SYS_userfaultfd), Number(0)],
    ),
    Deed::call(
        "change its personality",
        &[Number(libc::SYS_personality), Number(0xffff_ffff)],
    ),
    Deed::call(
        "add a key",
        &[
            Number(libc::SYS_add_key),
            Text("user"),
            Text("escape"),
            Text("1"),
            Number(1),
            Number(-1),
        ],
    ),
    Deed::call(
        "request a key",
        &[
            Number(libc::SYS_request_key),
            Text("user"),
            Text("escape.not"),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "use keys",
        &[
            Number(libc::SYS_keyctl),
            Number(0),
            Number(-3),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "use up the machine's asynchronous I/O",
        &[Number(libc::SYS_io_setup), Number(1), Bytes(ZEROS)],
    ),
    Deed::call(
        "set up io_uring",
        &[Number(libc::SYS_io_uring_setup), Number(1), Bytes(ZEROS)],
    ),
    Deed::call(
        "enter io_uring",
        &[
            Number(libc::SYS_io_uring_enter),
            Number(-1),
            Number(0),
            Number(0),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "register with io_uring",
        &[
            Number(libc::SYS_io_uring_register),
            Number(-1),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    // The machine's name and clock.
    Deed::call(
        "name the machine",
        &[Number(libc::SYS_sethostname), Text(""), Number(-1)],
    )
    .needs_root(),
    Deed::call(
        "name the domain",
        &[Number(libc::SYS_setdomainname), Text(""), Number(-1)],
    )
    .needs_root(),
    Deed::call(
        "set the clock",
        &[Number(libc::SYS_clock_settime), Number(99), Bytes(ZEROS)],
    ),
    Deed::call(
        "set the time of day",
        &[Number(libc::SYS_settimeofday), Number(0), Number(0)],
    ),
    Deed::call(
        "adjust the clock",
        &[Number(libc::SYS_adjtimex), Bytes(ZEROS)],
    ),
    Deed::call(
        "adjust a clock",
        &[Number(libc::SYS_clock_adjtime), Number(0), Bytes(ZEROS)],
    ),
    #[cfg(target_arch = "x86_64")]
    Deed::call(
        "use ports",
        &[
            Number(libc::SYS_ioperm),
            Number(65_536),
            Number(1),
            Number(0),
        ],
    ),
    #[cfg(target_arch = "x86_64")]
    Deed::call("use all ports", &[Number(libc::SYS_iopl), Number(4)]),
    #[cfg(target_arch = "x86_64")]
    Deed::call(
        "change segments",
        &[
            Number(libc::SYS_modify_ldt),
            Number(0),
            Bytes(ZEROS),
            Number(16),
        ],
    ),
    #[cfg(target_arch = "x86_64")]
    Deed::call(
        "load a kernel from a file",
        &[
            Number(libc::SYS_kexec_file_load),
            Number(-1),
            Number(-1),
            Number(0),
            Text(""),
            Number(0xffff),
        ],
    )
    .needs_root(),
    // Users and privileges.
    Deed::call(
        "take a capability",
        &[
            Number(libc::SYS_capset),
            Bytes("2205082000000000"),
            Bytes("000020000000200000000000000000000000000000000000"),
        ],
    )
    .needs_root(),
    Deed::call(
        "become another group",
        &[Number(libc::SYS_setgroups), Number(1), Bytes(ZEROS)],
    )
    .needs_root(),
];
