//! Bounds of a process.

use super::super::deed::{Deed, Value::Text};

pub(super) const DEEDS: &[Deed] = &[
    Deed::new("use 200 MiB of memory", "memory", &[Text("209715200")])
        .contained()
        .granted_by("limit process-memory-bytes")
        .by("resource limits")
        .heavy(),
    Deed::new("fill 300 MiB of the disk", "fill", &[Text("314572800")])
        .contained()
        .by("a working directory in memory, with a bound")
        .heavy(),
    Deed::new(
        "write 100 MiB of shared memory",
        "shared",
        &[Text("/dev/shm/escape"), Text("104857600")],
    )
    .contained()
    .by("shared memory of its own, with a bound")
    .heavy(),
    Deed::new("grow a file to 2 GiB", "grow", &[Text("2147483648")])
        .contained()
        .by("resource limits")
        .heavy(),
    Deed::new("open 3000 descriptors", "descriptors", &[Text("3000")])
        .contained()
        .by("resource limits")
        .heavy(),
    Deed::new("make 20000 directories", "files", &[Text("20000")])
        .contained()
        .by("a working directory in memory, with a bound")
        .heavy(),
];
