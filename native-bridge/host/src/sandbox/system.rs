//! System calls that the standard library and rustix do not offer here, each as
//! a safe function.

#![expect(
    unsafe_code,
    reason = "the calls take numbers and texts, and their wrappers are safe"
)]

use std::{
    ffi::{CString, c_int, c_long},
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
    ptr::{null, null_mut},
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

/// Closes all descriptors but the standard ones, and those to keep. Only for a
/// process that goes on to wait and exit, and uses none of them.
pub(super) fn close_all_but(kept: &[RawFd]) {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .and_then(|most| RawFd::try_from(most).ok())
        .unwrap_or(RawFd::MAX);
    let mut kept = kept.to_vec();
    kept.sort_unstable();
    let first = [3].into_iter().chain(kept.iter().map(|kept| kept + 1));
    let last = kept.iter().map(|kept| kept - 1).chain([RawFd::MAX]);
    for (first, last) in first.zip(last).filter(|(first, last)| first <= last) {
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

/// The ends of this process's children, as a descriptor that becomes readable.
#[derive(Debug)]
pub(super) struct Children(OwnedFd);

impl Children {
    /// Blocks the signal of a child's end; it is read from now on. Only for a process
    /// that executes no program.
    pub(super) fn new() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the set is filled before it is used, and lives until all calls
        // return; the new descriptor is nobody else's.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
            let set = set.assume_init();
            check(libc::sigprocmask(libc::SIG_BLOCK, &raw const set, null_mut()).into())?;
            let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
            let descriptor = libc::signalfd(-1, &raw const set, flags);
            check(descriptor.into())?;
            Ok(Self(OwnedFd::from_raw_fd(descriptor)))
        }
    }

    /// Waits until a child may have ended, or a descriptor is readable. Returns true if
    /// the descriptor is, and an error once it never will be.
    pub(super) fn wait_or(&self, other: BorrowedFd<'_>) -> io::Result<bool> {
        let of = |descriptor: RawFd| libc::pollfd {
            fd: descriptor,
            events: libc::POLLIN,
            revents: 0,
        };
        let mut both = [of(self.0.as_raw_fd()), of(other.as_raw_fd())];
        // SAFETY: there are two, which live until it returns.
        check(unsafe { libc::poll(both.as_mut_ptr(), 2, -1) }.into())?;
        let mut signals = [0_u8; size_of::<libc::signalfd_siginfo>()];
        // It says no more than that children may have ended.
        let _ = rustix::io::read(&self.0, &mut signals);
        let [_, other] = both;
        if other.revents != 0 && other.revents & libc::POLLIN == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(other.revents & libc::POLLIN != 0)
    }
}

/// A child that has ended, and its status; none if all go on.
pub(super) fn ended() -> io::Result<Option<(libc::pid_t, c_int)>> {
    let mut status = 0;
    // SAFETY: the status is there until it returns.
    let pid = check(unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) }.into())?;
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    Ok((pid != 0).then_some((pid, status)))
}

/// An announced `connect`.
#[derive(Debug)]
pub(super) struct Announced {
    id: u64,
    /// The thread that calls.
    pub(super) process: libc::pid_t,
    /// The place of the address in its memory, and its length.
    pub(super) address: u64,
    pub(super) length: u64,
}

/// Announces each `connect` of this process, and of those that it starts, on the
/// descriptor that is returned. Whoever has it must answer.
pub(super) fn announce_connects() -> io::Result<OwnedFd> {
    // Kernels that do not know this call cannot let an announced call go on.
    let newer = call(libc::SYS_close_range, [1, 0, 0, 0]);
    if newer.is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS)) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let step = |code: u32, yes: u8, no: u8, value: u32| libc::sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt: yes,
        jf: no,
        k: value,
    };
    let connect = u32::try_from(libc::SYS_connect).map_err(io::Error::other)?;
    // The number of the call is the first field of the data.
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, connect),
        step(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_USER_NOTIF,
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the program, as long as is said, lives until it returns; the new
    // descriptor is nobody else's.
    unsafe {
        let descriptor = check(libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const filter,
        ))?;
        let descriptor = RawFd::try_from(descriptor).map_err(io::Error::other)?;
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// Takes an announced call.
pub(super) fn announced(announcements: BorrowedFd<'_>) -> io::Result<Announced> {
    let mut taken = MaybeUninit::<libc::seccomp_notif>::zeroed();
    let number = libc::SECCOMP_IOCTL_NOTIF_RECV;
    // SAFETY: the kernel writes a whole value there, which is only numbers.
    let taken = unsafe {
        check(libc::ioctl(announcements.as_raw_fd(), number, taken.as_mut_ptr()).into())?;
        taken.assume_init()
    };
    let [_, address, length, ..] = taken.data.args;
    Ok(Announced {
        id: taken.id,
        process: libc::pid_t::try_from(taken.pid).map_err(io::Error::other)?,
        address,
        length,
    })
}

/// Lets an announced call go on.
pub(super) fn go_on(announcements: BorrowedFd<'_>, announced: &Announced) -> io::Result<()> {
    let answer = libc::seccomp_notif_resp {
        id: announced.id,
        val: 0,
        error: 0,
        flags: u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).map_err(io::Error::other)?,
    };
    let number = libc::SECCOMP_IOCTL_NOTIF_SEND;
    // SAFETY: the answer lives until it returns.
    check(unsafe { libc::ioctl(announcements.as_raw_fd(), number, &raw const answer) }.into())
        .map(drop)
}

/// Reads from another process's memory; returns the number of bytes that are there.
pub(super) fn read_memory(
    process: libc::pid_t,
    address: u64,
    bytes: &mut [u8],
) -> io::Result<usize> {
    let own = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    let address = usize::try_from(address).map_err(io::Error::other)?;
    let other = libc::iovec {
        iov_base: std::ptr::without_provenance_mut(address),
        iov_len: bytes.len(),
    };
    // SAFETY: the bytes are as many as is said; the other address is of the other
    // process, where the kernel checks it.
    let read =
        unsafe { libc::process_vm_readv(process, &raw const own, 1, &raw const other, 1, 0) };
    check(c_long::try_from(read).map_err(io::Error::other)?)
        .and_then(|read| usize::try_from(read).map_err(io::Error::other))
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
