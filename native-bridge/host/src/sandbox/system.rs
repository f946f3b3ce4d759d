//! System calls that the standard library and rustix do not offer here, each as
//! a safe function.

#![expect(
    unsafe_code,
    reason = "the calls take numbers and texts, and their wrappers are safe"
)]

use std::{
    ffi::{CString, c_int, c_long},
    io,
    os::{fd::RawFd, unix::ffi::OsStrExt as _},
    path::Path,
    ptr::null,
};

/// The two sides of a fork.
pub(crate) enum Fork {
    /// The new process.
    Child,
    /// The old one, with the new one's id.
    Parent(libc::pid_t),
}

fn check(result: c_long) -> io::Result<c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn text(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}

/// Makes a system call that takes numbers only; for those without a wrapper.
pub(super) fn call(number: c_long, arguments: [c_long; 4]) -> io::Result<c_long> {
    let [a, b, c, d] = arguments;
    // SAFETY: none of the calls this is used for takes a pointer, or it is given
    // a null one.
    check(unsafe { libc::syscall(number, a, b, c, d, 0, 0) })
}

/// Forks a process that has one thread, the new one into new namespaces of these
/// kinds.
pub(super) fn fork(namespaces: c_int) -> io::Result<Fork> {
    let flags = c_long::from(namespaces | libc::SIGCHLD);
    // SAFETY: without a stack of its own it is a plain fork. The stage has no
    // thread but this one, so that no lock is held in the copy by a thread that
    // the copy does not have.
    match check(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })? {
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(
            libc::pid_t::try_from(pid).map_err(io::Error::other)?,
        )),
    }
}

/// Mounts; the parts that are left out are null.
pub(super) fn mount(
    source: Option<&Path>,
    target: &Path,
    kind: Option<&str>,
    flags: libc::c_ulong,
    options: Option<&str>,
) -> io::Result<()> {
    let source = source.map(text).transpose()?;
    let target = text(target)?;
    let kind = kind.map(CString::new).transpose()?;
    let options = options.map(CString::new).transpose()?;
    let pointer = |text: &Option<CString>| text.as_ref().map_or(null(), |text| text.as_ptr());
    // SAFETY: the pointers are null or to texts that live until it returns.
    let result = unsafe {
        libc::mount(
            pointer(&source),
            target.as_ptr(),
            pointer(&kind),
            flags,
            pointer(&options).cast(),
        )
    };
    check(result.into()).map(drop)
}

/// Brings up the loopback device of this network.
pub(super) fn loopback_up() -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        None,
    )?;
    let mut name = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(c"lo".to_bytes()) {
        *to = from.cast_signed();
    }
    let flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING);
    let request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_flags: flags.map_err(io::Error::other)?,
        },
    };
    // SAFETY: the request, which has flags, lives until it returns.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) }.into())
        .map(drop)
}

/// Truncates a file by its path.
pub(super) fn truncate(path: &Path) -> io::Result<()> {
    let path = text(path)?;
    // SAFETY: the text lives until it returns.
    check(unsafe { libc::truncate(path.as_ptr(), 0) }.into()).map(drop)
}

/// Adds attributes to a mount, and to those below it.
pub(super) fn restrict_mount(target: &Path, attributes: u64, below: bool) -> io::Result<()> {
    let target = text(target)?;
    let attributes = [attributes, 0, 0, 0];
    let flags = if below { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the text and the attributes, as large as is said, live until it
    // returns.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            target.as_ptr(),
            flags,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    check(result).map(drop)
}

/// Makes the working directory the root, and lets go of the root before.
pub(super) fn change_root() -> io::Result<()> {
    let here = c".".as_ptr();
    // SAFETY: the text lives for the whole program.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, here, here) })?;
    // SAFETY: as above.
    check(unsafe { libc::umount2(here, libc::MNT_DETACH) }.into())?;
    std::env::set_current_dir("/")
}

/// Empties the sets of capabilities of this thread: bounding, ambient,
/// effective, permitted and inheritable.
pub(super) fn drop_capabilities() -> io::Result<()> {
    // Ends at the first that this kernel does not know, and at once for a
    // process that may not: without new privileges `execve` adds none to it.
    for capability in 0..=63 {
        // SAFETY: it takes numbers.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            break;
        }
    }
    // SAFETY: it takes numbers.
    let _ = unsafe {
        let all = libc::PR_CAP_AMBIENT_CLEAR_ALL;
        libc::prctl(libc::PR_CAP_AMBIENT, all, 0, 0, 0)
    };
    let header = [CAPABILITIES, 0];
    let none = [0_u32; 6];
    // SAFETY: a header and two sets of capabilities, which live until it returns.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) }).map(drop)
}

/// The third version of the structure, with sets of 64 bits.
const CAPABILITIES: u32 = 0x2008_0522;

/// Has the kernel kill this process when its parent ends.
pub(super) fn die_with_parent() -> io::Result<()> {
    // SAFETY: it takes numbers.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    check(result.into()).map(drop)
}

/// Has no program that this process executes give it privileges.
pub(super) fn no_new_privileges() -> io::Result<()> {
    // SAFETY: it takes numbers.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    check(result.into()).map(drop)
}

/// Keeps other processes of the same user from this one's memory.
pub(super) fn close_to_tracers() {
    // SAFETY: it takes numbers.
    let _ = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
}

/// Ignores the signals that ask a process to end.
pub(super) fn ignore_termination() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: it sets a disposition and runs no code.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Closes all descriptors but the standard ones, and one to keep. Only for a
/// process that goes on to wait and exit, and uses none of them.
pub(super) fn close_all_but(kept: RawFd) {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .and_then(|most| RawFd::try_from(most).ok())
        .unwrap_or(RawFd::MAX);
    let ranges = [(3, kept - 1), (kept + 1, RawFd::MAX)];
    for (first, last) in ranges.into_iter().filter(|(first, last)| first <= last) {
        // SAFETY: it takes numbers; nothing uses the descriptors any more.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        if closed != 0 {
            // Before Linux 5.9.
            for descriptor in first..last.min(most) {
                // SAFETY: as above.
                unsafe { libc::close(descriptor) };
            }
        }
    }
}

/// Waits for a child, any one with -1; its id and its status.
pub(super) fn wait(pid: libc::pid_t) -> io::Result<(libc::pid_t, c_int)> {
    loop {
        let mut status = 0;
        // SAFETY: the status is there until it returns.
        match check(unsafe { libc::waitpid(pid, &raw mut status, 0) }.into()) {
            Ok(pid) => {
                let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
                return Ok((pid, status));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Ends this process at once with a status that `wait` gave: with the same exit
/// status, or by the same signal.
pub(super) fn end_as(status: c_int) -> ! {
    if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        // SAFETY: it sets a disposition, and signals this very process.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::kill(libc::getpid(), signal);
        }
    }
    let code = if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        1
    };
    // SAFETY: it ends the process, in which nothing is left to be done.
    unsafe { libc::_exit(code) }
}
