//! Deeds of a component, and those of all plugins that the server itself prevents.

use super::super::deed::{Deed, Value::Text};

const BUDGET: &str = "the budget of host values";

/// A component has no call for it.
const fn absent(
    name: &'static str,
    verb: &'static str,
    values: &'static [super::super::deed::Value],
) -> Deed {
    Deed::component(name, verb, values).by("no such interface")
}

/// Ended or denied at a bound of the instance.
const fn bounded(
    name: &'static str,
    verb: &'static str,
    values: &'static [super::super::deed::Value],
    by: &'static str,
) -> Deed {
    Deed::component(name, verb, values).contained().by(by)
}

pub(super) const DEEDS: &[Deed] = &[
    // Files.
    Deed::component("read another's file", "read", &[Text("{readable}/file")])
        .granted_by("files, read"),
    Deed::component("list another's directory", "list", &[Text("{readable}")])
        .granted_by("files, read"),
    Deed::component(
        "examine another's file",
        "examine",
        &[Text("{readable}/file")],
    )
    .granted_by("files, read"),
    Deed::component(
        "write into a granted directory",
        "create",
        &[Text("{writable}/component")],
    )
    .granted_by("files, write"),
    Deed::component(
        "read beside a granted directory",
        "read",
        &[Text("{outside}/file")],
    ),
    Deed::component(
        "read beside it by ..",
        "read",
        &[Text("{readable}/../outside/file")],
    ),
    Deed::component(
        "read beside it by a link",
        "read",
        &[Text("{readable}/near")],
    ),
    Deed::component(
        "read beside it by an absolute link",
        "read",
        &[Text("{readable}/far")],
    ),
    Deed::component(
        "write where only reading is granted",
        "create",
        &[Text("{readable}/made")],
    ),
    Deed::component(
        "remove where only reading is granted",
        "remove",
        &[Text("{readable}/file")],
    ),
    Deed::component(
        "make a directory there",
        "make-directory",
        &[Text("{readable}/made")],
    ),
    Deed::component(
        "link out of a granted directory",
        "link",
        &[Text("{readable}/file"), Text("{outside}/component")],
    ),
    Deed::component(
        "link into a writable directory",
        "link",
        &[Text("{readable}/file"), Text("{writable}/component-link")],
    ),
    Deed::component(
        "rename out of a granted directory",
        "rename",
        &[Text("{writable}/kept"), Text("{outside}/component")],
    ),
    Deed::component("read /etc/passwd", "read", &[Text("/etc/passwd")]),
    Deed::component("list the root", "list", &[Text("/")]),
    Deed::component("list the working directory", "list", &[Text(".")]),
    Deed::component(
        "read /proc/self/environ",
        "read",
        &[Text("/proc/self/environ")],
    ),
    Deed::component(
        "read the key for commands",
        "read",
        &[Text("{data}/running.json")],
    ),
    Deed::component("read the database", "read", &[Text("{data}/mortise.db")]),
    Deed::component("write the grants", "write", &[Text("{data}/grants.toml")]),
    Deed::component("list the plugins folder", "list", &[Text("{data}/plugins")]),
    // The environment and programs.
    Deed::component("read a variable", "environment", &[Text("MORTISE_ESCAPES")])
        .granted_by("environment"),
    Deed::component(
        "read the administrator's password",
        "environment",
        &[Text("MORTISE_ADMIN_PASSWORD")],
    ),
    Deed::component("read the search path", "environment", &[Text("PATH")]),
    absent("run a program", "execute", &[Text("/bin/true")]),
    // The network.
    Deed::component("fetch", "fetch", &[Text("http://{granted}/")])
        .granted_by("http")
        .by("the server's check of grants"),
    Deed::component(
        "fetch from another port",
        "fetch",
        &[Text("http://{other}/")],
    ),
    Deed::component(
        "fetch by another name",
        "fetch",
        &[Text("http://localhost:{other-port}/")],
    ),
    Deed::component(
        "fetch by a number",
        "fetch",
        &[Text("http://2130706433:{other-port}/")],
    ),
    Deed::component(
        "fetch with a user's name",
        "fetch",
        &[Text("http://127.0.0.1@127.0.0.1:{other-port}/")],
    ),
    Deed::component("fetch from IPv6", "fetch", &[Text("http://{six}/")]),
    Deed::component(
        "fetch from a mapped address",
        "fetch",
        &[Text("http://[::ffff:127.0.0.1]:{other-port}/")],
    ),
    Deed::component(
        "follow to another port",
        "follow",
        &[Text("http://{redirecting}/")],
    ),
    Deed::component(
        "name another host",
        "fetch-as",
        &[Text("http://{other}/"), Text("{granted}")],
    ),
    Deed::component(
        "fetch from the server",
        "fetch",
        &[Text("http://{server-address}/admin/plugins")],
    ),
    Deed::component("connect", "stream", &[Text("{granted}")]).by("sockets are denied"),
    Deed::component("connect to another port", "stream", &[Text("{other}")])
        .by("sockets are denied"),
    Deed::component("send a datagram", "udp", &[Text("{udp}")]).by("sockets are denied"),
    Deed::component("listen", "listen", &[Text("127.0.0.1:0")]).by("sockets are denied"),
    Deed::component("resolve a name", "resolve", &[Text("localhost:80")]).by("sockets are denied"),
    // Data.
    Deed::of_all("send a message", "send", &[Text("by a plugin")]),
    Deed::of_all("read messages", "received", &[Text("")]),
    Deed::of_all("set a timer", "timer", &[Text("one")]).granted_by("timers"),
    Deed::component(
        "send as another application",
        "send-as",
        &[Text("operator")],
    ),
    Deed::component(
        "read another user's message",
        "get",
        &[Text("{bobs-message}")],
    ),
    Deed::component(
        "remove a user's message",
        "remove-message",
        &[Text("{own-message}")],
    ),
    Deed::component(
        "read a message by its number",
        "get",
        &[Text("{own-message}")],
    ),
    Deed::component("read another plugin's storage", "load", &[Text("secret")]),
    // Bounds.
    bounded(
        "store 20 MiB",
        "store",
        &[Text("big"), Text("20971520")],
        "limit storage-bytes",
    )
    .granted_by("limit storage-bytes"),
    bounded(
        "store 100000 keys",
        "keys",
        &[Text("key"), Text("100000")],
        "limits of storage",
    ),
    bounded(
        "set 1000 timers",
        "timers",
        &[Text("timer"), Text("1000")],
        "limit timers",
    ),
    bounded(
        "send 1000 messages",
        "messages",
        &[Text("many"), Text("1000")],
        "limit messages-per-minute",
    ),
    bounded(
        "use 512 MiB of memory",
        "allocate",
        &[Text("536870912")],
        "limit memory-bytes",
    ),
    bounded("loop for ever", "loop", &[], "deadline of calls"),
    bounded(
        "sleep for a minute",
        "sleep",
        &[Text("60")],
        "deadline of calls",
    ),
    bounded("overflow the stack", "recurse", &[], "the engine's stack"),
    bounded("exit", "exit", &[], "only its instance ends"),
    bounded(
        "answer 100 MiB",
        "answer",
        &[Text("104857600")],
        "limit of answers",
    ),
    bounded(
        "keep 1000000 header fields",
        "hoard-fields",
        &[Text("1000000")],
        BUDGET,
    ),
    bounded(
        "keep 500 MB of header fields",
        "hoard-field-values",
        &[Text("5000")],
        BUDGET,
    ),
    bounded(
        "keep 1000000 pollables",
        "hoard-pollables",
        &[Text("1000000")],
        BUDGET,
    ),
    bounded(
        "keep 1000000 requests",
        "hoard-requests",
        &[Text("1000000")],
        BUDGET,
    ),
    bounded(
        "keep 1000000 bodies",
        "hoard-bodies",
        &[Text("1000000")],
        BUDGET,
    ),
    bounded(
        "keep 1000000 responses",
        "hoard-responses",
        &[Text("1000000")],
        BUDGET,
    ),
    bounded(
        "keep 1000000 options",
        "hoard-options",
        &[Text("1000000")],
        BUDGET,
    ),
    bounded(
        "take 64 MiB of random bytes",
        "hoard-random",
        &[Text("4")],
        BUDGET,
    ),
    // The kinds that processes have too.
    Deed::new("read a variable", "environment", &[Text("MORTISE_ESCAPES")])
        .granted_by("environment")
        .by("an environment made new")
        .fails_anyway("the environment is made new in any case"),
    Deed::new(
        "read the administrator's password",
        "environment",
        &[Text("MORTISE_ADMIN_PASSWORD")],
    )
    .by("an environment made new")
    .fails_anyway("the environment is made new in any case"),
];
