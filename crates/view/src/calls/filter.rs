//! The filter over a program's system calls, and how its listener comes to us.

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc::{self, c_uint, c_ulong, sock_filter};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

/// The numbers of this machine's system calls; programs of another kind (of 32 bits) are let pass.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// Where the second half of a number of 64 bits is that the filter has to compare in halves.
const HALF: usize = size_of::<u32>();

/// The child's side of a filter that is to be: where its listener goes.
#[derive(Debug)]
pub(crate) struct Trap {
    theirs: OwnedFd,
}

impl Trap {
    /// A trap, and the socket over which its listener comes. When that has no other end any more there will be none.
    pub(crate) fn new() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
        Ok((Self { theirs }, ours))
    }

    /// Puts the filter over this process and all that it starts. It makes system calls only.
    pub(crate) fn set(&self) -> nix::Result<()> {
        let listener = install()?;
        let sent = hand_over(self.theirs.as_raw_fd(), listener);
        // SAFETY: it was just opened, and nobody else has it here. What it became is on its way.
        unsafe { libc::close(listener) };
        sent
    }
}

/// The filter: an array of fixed size, so that a child can make it without allocating.
fn program(architecture: u32) -> [sock_filter; 22] {
    let load = |offset: usize| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, word(offset));
    let end = |what: u32| statement(libc::BPF_RET | libc::BPF_K, what);
    let number = |call: libc::c_long| u32::try_from(call).unwrap_or(u32::MAX);
    let argument = |index: usize| offset_of!(libc::seccomp_data, args) + index * size_of::<u64>();
    // The next instruction if it is that one, else the one after it.
    let only = |value: u32| unless(value, 0, 1);
    let ask = end(libc::SECCOMP_RET_USER_NOTIF);
    let allow = end(libc::SECCOMP_RET_ALLOW);
    [
        load(offset_of!(libc::seccomp_data, arch)),
        unless(architecture, 1, 0),
        allow,
        load(offset_of!(libc::seccomp_data, nr)),
        only(number(libc::SYS_connect)),
        ask,
        only(number(libc::SYS_bind)),
        ask,
        only(number(libc::SYS_listen)),
        ask,
        only(number(libc::SYS_getsockname)),
        ask,
        // What goes through such a ring passes no filter: programs do without, as on older systems.
        only(number(libc::SYS_io_uring_setup)),
        end(libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
        unless(number(libc::SYS_sendto), 1, 0),
        allow,
        // Only one with an address is of interest.
        load(argument(4)),
        only(0),
        load(argument(4) + HALF),
        only(0),
        allow,
        ask,
    ]
}

fn statement(code: c_uint, k: u32) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap_or_default(), jt: 0, jf: 0, k }
}

fn unless(k: u32, jt: u8, jf: u8) -> sock_filter {
    let code = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    sock_filter { code: u16::try_from(code).unwrap_or_default(), jt, jf, k }
}

fn word(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

fn install() -> nix::Result<RawFd> {
    let mut filter = program(ARCHITECTURE.ok_or(Errno::ENOSYS)?);
    let whole = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or_default(),
        filter: filter.as_mut_ptr(),
    };
    let set = |flags: c_ulong| {
        // SAFETY: the pointers are to memory that lives through the call, which only reads from it.
        let done = unsafe {
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const whole)
        };
        Errno::result(done).map(|fd| RawFd::try_from(fd).unwrap_or(-1))
    };
    let least = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    let best = least | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let try_both = || match set(best) {
        // Older than Linux 5.19.
        Err(Errno::EINVAL) => set(least),
        done => done,
    };
    match try_both() {
        // Whoever has no rights of its own may do so once it can get none either.
        Err(Errno::EACCES) => {
            nix::sys::prctl::set_no_new_privs()?;
            try_both()
        }
        done => done,
    }
}

/// Sends a file over a socket. By hand, as it must not allocate.
fn hand_over(socket: RawFd, file: RawFd) -> nix::Result<()> {
    /// Room for the header of a message, and a file.
    #[repr(C, align(8))]
    struct Control([u8; 64]);
    let mut byte = [0_u8];
    let mut text = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: byte.len() };
    let mut control = Control([0; 64]);
    let length = c_uint::try_from(size_of::<RawFd>()).unwrap_or_default();
    // SAFETY: all zero is a message without anything; all pointers are to memory that lives through the call, and the control
    // data fits where it is put, as the compiler and the headers of the system reckon alike.
    let done = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut text;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(length) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(length) as _;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(file);
        libc::sendmsg(socket, &raw const message, libc::MSG_NOSIGNAL)
    };
    Errno::result(done).map(drop)
}

#[cfg(test)]
mod tests {
    use nix::libc::{self, c_long};

    use super::program;

    const HERE: u32 = 0xC000_003E;

    /// What the filter says of a call, as the kernel would run it.
    fn said(architecture: u32, call: c_long, fifth: u64) -> u32 {
        let mut data = [0_u8; 64];
        data[..4].copy_from_slice(&u32::try_from(call).unwrap().to_ne_bytes());
        data[4..8].copy_from_slice(&architecture.to_ne_bytes());
        data[48..56].copy_from_slice(&fifth.to_ne_bytes());
        let program = program(HERE);
        let (mut at, mut held) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            match u32::from(step.code) & 7 {
                libc::BPF_LD => {
                    let from = step.k as usize;
                    held = u32::from_ne_bytes(data[from..from + 4].try_into().unwrap());
                }
                libc::BPF_JMP => at += usize::from(if held == step.k { step.jt } else { step.jf }),
                _ => return step.k,
            }
        }
    }

    #[test]
    fn only_calls_with_addresses_are_asked_about() {
        for call in [libc::SYS_bind, libc::SYS_connect, libc::SYS_listen, libc::SYS_getsockname] {
            assert_eq!(said(HERE, call, 0), libc::SECCOMP_RET_USER_NOTIF);
        }
        assert_eq!(said(HERE, libc::SYS_sendto, 0), libc::SECCOMP_RET_ALLOW);
        for address in [1, 1 << 40, u64::MAX] {
            assert_eq!(said(HERE, libc::SYS_sendto, address), libc::SECCOMP_RET_USER_NOTIF, "{address:x}");
        }
        for call in [libc::SYS_read, libc::SYS_write, libc::SYS_socket, libc::SYS_accept4, libc::SYS_execve] {
            assert_eq!(said(HERE, call, 7), libc::SECCOMP_RET_ALLOW);
        }
        assert_eq!(said(0x4000_0003, libc::SYS_connect, 7), libc::SECCOMP_RET_ALLOW);
        let refused = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
        assert_eq!(said(HERE, libc::SYS_io_uring_setup, 0), refused);
    }
}
