//! The system calls that a confined process gives up: those that start programs, open sockets, access other processes,
//! change the system, or change files by name.
//!
//! The list names refused calls instead of allowed ones: C libraries use new calls in every version, and a refused one
//! would look like damaged input. Landlock restricts writing; without an output file, these rules restrict it too.

use std::collections::BTreeMap;

use seccompiler::{BackendError, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

use super::filter::{self, Answers};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that are refused with any arguments.
const REFUSED: &[i64] = &[
    // Other programs, and other views of the system.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_personality,
    // Sockets.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    424, // pidfd_send_signal: from here on, numbers are the same on every architecture
    434, // pidfd_open
    438, // pidfd_getfd
    440, // process_madvise
    // Other users.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    // The system.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
    428, // open_tree
    429, // move_mount
    430, // fsopen
    431, // fsconfig
    432, // fsmount
    433, // fspick
    442, // mount_setattr
    443, // quotactl_fd
    467, // open_tree_attr
    // Files by name.
    libc::SYS_truncate,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_symlinkat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    452, // fchmodat2
    463, // setxattrat
    466, // removexattrat
    469, // file_setattr
];

/// Older calls for the same things, which newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const REFUSED_OLD: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_setrlimit,
    libc::SYS_creat,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_mknod,
    libc::SYS_link,
    libc::SYS_unlink,
    libc::SYS_symlink,
    libc::SYS_rename,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];

#[cfg(not(target_arch = "x86_64"))]
const REFUSED_OLD: &[i64] = &[];

/// Calls needed to put the output file in its place; refused without an output. Landlock limits them to one directory.
const FOR_OUTPUT: &[i64] =
    &[libc::SYS_linkat, libc::SYS_unlinkat, libc::SYS_renameat2, libc::SYS_fchmod, libc::SYS_fchown];

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const FOR_OUTPUT_OLD: &[i64] = &[libc::SYS_renameat];

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const FOR_OUTPUT_OLD: &[i64] = &[];

/// Calls that fail as if the kernel did not have them, so that the C library uses an older call, whose arguments a
/// filter can read. The same for io_uring, whose operations bypass this filter.
const UNKNOWN: &[i64] = &[
    425, // io_uring_setup
    426, // io_uring_enter
    427, // io_uring_register
    435, // clone3
    437, // openat2
];

/// The bit in numbers of the x32 ABI (`__X32_SYSCALL_BIT`, asm/unistd.h): what is refused is refused there too.
#[cfg(target_arch = "x86_64")]
pub(super) const X32: u32 = 0x4000_0000;

#[cfg(not(target_arch = "x86_64"))]
pub(super) const X32: u32 = 0;

/// The numbers of system calls that exist only with the x32 bit. Without it, they are not system calls.
#[cfg(target_arch = "x86_64")]
const OF_X32: std::ops::Range<u32> = 512..548;

#[cfg(not(target_arch = "x86_64"))]
const OF_X32: std::ops::Range<u32> = 0..0;

/// `TIOCSTI` and `TIOCLINUX` (asm-generic/ioctls.h), which insert input that the shell would later read as if it were
/// typed.
const TYPES_INPUT: [u64; 2] = [0x5412, 0x541c];

/// Gives up the calls of these lists. `output`: whether a file will be put in its place.
pub(super) fn restrict(output: bool) -> Result<(), Box<dyn std::error::Error>> {
    let program = filter::program(answers(output)?, X32)?;
    Ok(seccompiler::apply_filter_all_threads(&program)?)
}

/// How each call of these lists is answered.
pub(super) fn answers(output: bool) -> Result<Answers, Box<dyn std::error::Error>> {
    let answer = |error: i32| SeccompAction::Errno(error.unsigned_abs());
    let mut answers = Answers::new();
    for (call, rules) in refused(output)? {
        answers.insert(call.try_into()?, (rules, answer(libc::EPERM)));
    }
    for call in UNKNOWN {
        answers.insert((*call).try_into()?, (Vec::new(), answer(libc::ENOSYS)));
    }
    answers.extend(OF_X32.map(|call| (call, (Vec::new(), answer(libc::ENOSYS)))));
    Ok(answers)
}

fn refused(output: bool) -> Result<Rules, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let without_output = [FOR_OUTPUT, FOR_OUTPUT_OLD].into_iter().flatten().filter(|_| !output);
    let all = REFUSED.iter().chain(REFUSED_OLD).chain(without_output);
    let mut rules: Rules = all.map(|call| (*call, Vec::new())).collect();

    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![when(0, MaskedEq(thread), 0)?]);
    // A process may end itself: abort(3).
    rules.insert(libc::SYS_tgkill, vec![when(0, Ne, u64::from(std::process::id()))?]);
    // Limits may be read, but not changed.
    let pointer = SeccompCondition::new(2, SeccompCmpArgLen::Qword, Ne, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![pointer])?]);
    rules.insert(libc::SYS_prctl, vec![when(0, Eq, libc::PR_SET_DUMPABLE as u64)?]);
    let types_input = TYPES_INPUT.iter().map(|request| when(1, Eq, *request)).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_ioctl, types_input);
    if !output {
        let writes = |at| {
            let bits = [(libc::O_ACCMODE, libc::O_WRONLY), (libc::O_ACCMODE, libc::O_RDWR)];
            let alone = [libc::O_CREAT, libc::O_TRUNC].map(|bit| (bit, bit));
            let bits = bits.into_iter().chain(alone);
            bits.map(|(mask, is)| when(at, MaskedEq(u64::from(mask.cast_unsigned())), u64::from(is.cast_unsigned())))
                .collect::<Result<Vec<_>, _>>()
        };
        rules.insert(libc::SYS_openat, writes(2)?);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, writes(1)?);
    }
    Ok(rules)
}

/// A rule that matches if the lower half of an argument compares as given.
fn when(argument: u8, compares: SeccompCmpOp, with: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compares, with)?])
}
