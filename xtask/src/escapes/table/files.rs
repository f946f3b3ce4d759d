//! Files, directories and their state.

use super::super::deed::{
    Deed,
    Value::{Bytes, Number, Text},
};

const HERE: i64 = libc::AT_FDCWD as i64;
/// Nanoseconds that stand for the present.
const NOW: &str = "0000000000000000ffffff3f000000000000000000000000ffffff3f00000000";

pub(super) const DEEDS: &[Deed] = &[
    // Reading.
    Deed::new("read another's file", "read", &[Text("{readable}/file")]).granted_by("files, read"),
    Deed::new("list another's directory", "list", &[Text("{readable}")]).granted_by("files, read"),
    Deed::new(
        "read beside a granted directory",
        "read",
        &[Text("{outside}/file")],
    ),
    Deed::new(
        "read beside it by ..",
        "read",
        &[Text("{readable}/../outside/file")],
    ),
    Deed::new(
        "read beside it by a link",
        "read",
        &[Text("{readable}/near")],
    ),
    Deed::new(
        "read beside it by an absolute link",
        "read",
        &[Text("{readable}/far")],
    ),
    Deed::new("enter another's directory", "enter", &[Text("{outside}")]),
    Deed::new("read /etc/passwd", "read", &[Text("/etc/passwd")]),
    Deed::new("read /etc/shadow", "read", &[Text("/etc/shadow")]).needs_root(),
    Deed::new("list the home directory", "list", &[Text("{home}")]),
    Deed::new(
        "list the temporary directory",
        "list",
        &[Text("{outside}/..")],
    ),
    Deed::new(
        "read the key for commands",
        "read",
        &[Text("{data}/running.json")],
    ),
    Deed::new("read the database", "read", &[Text("{data}/mortise.db")]),
    Deed::new("read the grants", "read", &[Text("{data}/grants.toml")]),
    Deed::new("list the data directory", "list", &[Text("{data}")]),
    Deed::new("list the plugins folder", "list", &[Text("{data}/plugins")]),
    Deed::new(
        "list the cache of compiled code",
        "list",
        &[Text("{data}/cache")],
    ),
    Deed::new("list stored versions", "list", &[Text("{data}/versions")]),
    Deed::new(
        "read the server's environment",
        "read",
        &[Text("/proc/{server}/environ")],
    ),
    Deed::new(
        "read the server's command line",
        "read",
        &[Text("/proc/{server}/cmdline")],
    ),
    Deed::new(
        "read the server's memory map",
        "read",
        &[Text("/proc/{server}/maps")],
    ),
    Deed::new(
        "open the server's memory",
        "write",
        &[Text("/proc/{server}/mem")],
    ),
    Deed::new(
        "list the server's descriptors",
        "list",
        &[Text("/proc/{server}/fd")],
    ),
    Deed::new(
        "enter by the server's root",
        "list",
        &[Text("/proc/{server}/root/")],
    ),
    Deed::new(
        "find the server's program",
        "link-target",
        &[Text("/proc/{server}/exe")],
    ),
    Deed::new(
        "read a kernel setting",
        "read",
        &[Text("/sys/kernel/uevent_seqnum")],
    ),
    Deed::new(
        "join another control group",
        "write",
        &[Text("{control-group}")],
    )
    .needs_root(),
    Deed::new("open the kernel's log", "read", &[Text("/proc/kmsg")])
        .needs_root()
        .fails_anyway("it would wait for a line"),
    // Writing.
    Deed::new(
        "write into a granted directory",
        "create",
        &[Text("{writable}/made")],
    )
    .granted_by("files, write"),
    Deed::new(
        "write where only reading is granted",
        "create",
        &[Text("{readable}/made")],
    ),
    Deed::new(
        "write beside a granted directory",
        "create",
        &[Text("{outside}/made")],
    ),
    Deed::new("write the database", "write", &[Text("{data}/mortise.db")]),
    Deed::new("write the grants", "write", &[Text("{data}/grants.toml")]),
    Deed::new("add a plugin", "create", &[Text("{data}/plugins/.made")]),
    Deed::new(
        "write into the server's version of it",
        "create",
        &[Text("{data}/versions/made")],
    ),
    Deed::new(
        "write a kernel setting",
        "write",
        &[Text("/proc/sys/kernel/hostname")],
    )
    .needs_root(),
    Deed::new(
        "write a system library's directory",
        "create",
        &[Text("/usr/lib/mortise-escape")],
    )
    .needs_root(),
    Deed::new("run what it wrote", "run-own", &[Text("{writable}")]).by("Landlock, mount options"),
    Deed::call(
        "open for writing, openat2",
        &[
            Number(libc::SYS_openat2),
            Number(HERE),
            Text("{outside}/file"),
            Bytes("010000000000000000000000000000000000000000000000"),
            Number(24),
        ],
    ),
    Deed::call(
        "make a device",
        &[
            Number(libc::SYS_mknodat),
            Number(HERE),
            Text("{outside}/device"),
            Number(0o020_600),
            Number(0x103),
        ],
    )
    .needs_root(),
    Deed::call(
        "make a pipe",
        &[
            Number(libc::SYS_mknodat),
            Number(HERE),
            Text("{outside}/pipe"),
            Number(0o010_600),
        ],
    ),
    Deed::call(
        "make a directory",
        &[
            Number(libc::SYS_mkdirat),
            Number(HERE),
            Text("{outside}/directory"),
            Number(0o700),
        ],
    ),
    Deed::call(
        "make a link",
        &[
            Number(libc::SYS_symlinkat),
            Text("/"),
            Number(HERE),
            Text("{outside}/link"),
        ],
    ),
    Deed::call(
        "give a file another name",
        &[
            Number(libc::SYS_linkat),
            Number(HERE),
            Text("{outside}/file"),
            Number(HERE),
            Text("{outside}/linked"),
        ],
    ),
    Deed::call(
        "rename a file",
        &[
            Number(libc::SYS_renameat2),
            Number(HERE),
            Text("{outside}/file"),
            Number(HERE),
            Text("{outside}/file"),
            Number(0),
        ],
    ),
    Deed::call(
        "remove a file",
        &[
            Number(libc::SYS_unlinkat),
            Number(HERE),
            Text("{outside}/file"),
            Number(libc::AT_REMOVEDIR as i64),
        ],
    ),
    // State.
    Deed::call(
        "change a file's mode",
        &[
            Number(libc::SYS_fchmodat),
            Number(HERE),
            Text("{outside}/file"),
            Number(0o600),
        ],
    ),
    Deed::call(
        "change the database's mode",
        &[
            Number(libc::SYS_fchmodat),
            Number(HERE),
            Text("{data}/mortise.db"),
            Number(0o600),
        ],
    ),
    Deed::call(
        "change the data directory's mode",
        &[
            Number(libc::SYS_fchmodat),
            Number(HERE),
            Text("{data}"),
            Number(0o700),
        ],
    ),
    Deed::call(
        "change the mode of a file to be read",
        &[
            Number(libc::SYS_fchmodat),
            Number(HERE),
            Text("{readable}/file"),
            Number(0o600),
        ],
    ),
    Deed::call(
        "change a file's mode, fchmodat2",
        &[
            Number(452),
            Number(HERE),
            Text("{outside}/file"),
            Number(0o600),
            Number(0),
        ],
    ),
    Deed::call(
        "change a file's owner",
        &[
            Number(libc::SYS_fchownat),
            Number(HERE),
            Text("{outside}/file"),
            Number(-1),
            Number(-1),
            Number(0),
        ],
    ),
    Deed::call(
        "change a file's times",
        &[
            Number(libc::SYS_utimensat),
            Number(HERE),
            Text("{outside}/file"),
            Bytes(NOW),
            Number(0),
        ],
    ),
    Deed::call(
        "set an attribute",
        &[
            Number(libc::SYS_setxattr),
            Text("{outside}/file"),
            Text("user.escape"),
            Text("1"),
            Number(1),
            Number(0),
        ],
    ),
    Deed::call(
        "set an attribute of a link",
        &[
            Number(libc::SYS_lsetxattr),
            Text("{outside}/file"),
            Text("user.escape"),
            Text("1"),
            Number(1),
            Number(0),
        ],
    ),
    Deed::call(
        "remove an attribute",
        &[
            Number(libc::SYS_removexattr),
            Text("{outside}/file"),
            Text("user.escape.not"),
        ],
    ),
    Deed::call(
        "truncate a file",
        &[
            Number(libc::SYS_truncate),
            Text("{outside}/file"),
            Number(6),
        ],
    ),
    Deed::call(
        "take a file's handle",
        &[
            Number(libc::SYS_name_to_handle_at),
            Number(HERE),
            Text("{outside}/file"),
            Bytes("00000000000000000000000000000000"),
            Bytes("00000000"),
            Number(0),
        ],
    ),
    Deed::call(
        "open a file by its handle",
        &[
            Number(libc::SYS_open_by_handle_at),
            Number(-1),
            Bytes("00000000000000000000000000000000"),
            Number(0),
        ],
    )
    .needs_root(),
    Deed::call(
        "look at a file's attributes",
        &[
            Number(libc::SYS_listxattr),
            Text("{outside}/file"),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "examine a file",
        &[
            Number(libc::SYS_faccessat),
            Number(HERE),
            Text("{outside}/file"),
            Number(0),
        ],
    ),
    Deed::new(
        "use a directory that is the server's",
        "read",
        &[Text("{data}/plugins/../mortise.db")],
    ),
];
