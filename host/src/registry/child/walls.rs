//! The walls around the compiling child, put up by the child itself before it reads a byte of the component. Each is a
//! layer of its own: where a kernel lacks one, the others stand, and the report says so.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::turns;

/// One wall, and whether it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Whether it is in force.
    pub in_force: bool,
    /// How far, or why not.
    pub detail: String,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.name, if self.in_force { "in force" } else { "missing" }, self.detail)
    }
}

impl Layer {
    fn of<E: fmt::Display>(name: &str, outcome: Result<String, E>) -> Self {
        let (in_force, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(error) => (false, error.to_string()),
        };
        Self { name: name.to_owned(), in_force, detail }
    }
}

/// What the child may use; enforced by the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// Address space, in bytes.
    pub memory_bytes: u64,
    /// Processor time, in seconds.
    pub processor_seconds: u64,
    /// The artefact that it writes, in bytes.
    pub artefact_bytes: u64,
}

/// Puts up every wall that this system has, the narrowest last.
///
/// # Errors
///
/// When a resource limit, which every system has, cannot be set, or the host is gone: nothing may be compiled then.
#[cfg(target_os = "linux")]
pub(super) fn raise(room: &Room, parent: u32) -> Result<Vec<Layer>, String> {
    // The child is the first that the kernel should take when memory runs out.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let mut layers = vec![limits(room)?];
    layers.push(Layer::of("namespaces", namespaces()));
    layers.push(Layer::of("capabilities", capabilities()));
    layers.push(Layer::of("privileges", privileges()));
    // Had the host died before the walls bound this process to its life, nobody would stop it.
    if rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()) != Some(parent) {
        return Err("the host is gone".to_owned());
    }
    layers.push(Layer::of("landlock", landlock()));
    layers.push(Layer::of("seccomp", seccomp()));
    Ok(layers)
}

/// Elsewhere only what POSIX has; a host for strangers' components runs on Linux.
#[cfg(not(target_os = "linux"))]
pub(super) fn raise(room: &Room, _parent: u32) -> Result<Vec<Layer>, String> {
    let absent = |name| Layer::of(name, Err::<String, _>("this operating system has none"));
    Ok(vec![limits(room)?, absent("namespaces"), absent("capabilities"), absent("landlock"), absent("seccomp")])
}

fn limits(room: &Room) -> Result<Layer, String> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let set = |name: &str, resource, most: u64| {
        // At the soft limit of processor time a signal says why; the hard one, a second later, just ends the process.
        let hard = if matches!(resource, Resource::Cpu) { most.saturating_add(1) } else { most };
        let limit = Rlimit { current: Some(most), maximum: Some(hard) };
        setrlimit(resource, limit).map_err(|error| format!("resource limit {name}: {error}"))
    };
    set("memory", Resource::As, room.memory_bytes)?;
    set("processor time", Resource::Cpu, room.processor_seconds)?;
    set("file size", Resource::Fsize, room.artefact_bytes)?;
    set("core dump", Resource::Core, 0)?;
    set("processes", Resource::Nproc, 0)?;
    // Standard streams, and the few files that putting up the other walls takes; those close again.
    set("open files", Resource::Nofile, 16)?;
    #[cfg(target_os = "linux")]
    {
        set("locked memory", Resource::Memlock, 0)?;
        set("message queues", Resource::Msgqueue, 0)?;
        set("signals", Resource::Sigpending, 64)?;
    }
    rustix::process::setpriority_process(None, 19).map_err(|error| format!("priority: {error}"))?;
    let priority =
        if turns::only_when_idle() { "only what nobody else wants of a processor" } else { "lowest priority" };
    let detail = format!(
        "{} MiB of memory, {} s of processor time, {} MiB written, no processes, no core dump, {priority}",
        room.memory_bytes >> 20,
        room.processor_seconds,
        room.artefact_bytes >> 20
    );
    Ok(Layer::of("resource limits", Ok::<_, String>(detail)))
}

/// No network interface, not even loopback, and no other process's shared memory.
#[cfg(target_os = "linux")]
fn namespaces() -> Result<String, rustix::io::Errno> {
    use rustix::thread::UnshareFlags;

    // As the user of the host where it may, else as root within a user namespace of its own.
    #[expect(deprecated, reason = "unsafe only where file tables are unshared, which these flags do not")]
    let unshare = rustix::thread::unshare;
    let own = UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    unshare(UnshareFlags::NEWUSER | own)
        .map(|()| "own user, network, IPC and UTS namespaces".to_owned())
        .or_else(|_| unshare(own).map(|()| "own network, IPC and UTS namespaces".to_owned()))
}

#[cfg(target_os = "linux")]
fn capabilities() -> Result<String, rustix::io::Errno> {
    use rustix::thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities};

    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok("none left".to_owned())
}

/// After the namespaces: entering one resets what is set here.
#[cfg(target_os = "linux")]
fn privileges() -> Result<String, rustix::io::Errno> {
    use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal};

    rustix::thread::set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok("no new ones, not traceable, ends with the host".to_owned())
}

/// No file can be opened, made or changed by name, no TCP port reached, no process outside signalled.
#[cfg(target_os = "linux")]
fn landlock() -> Result<String, String> {
    use landlock::{ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetStatus, Scope};

    // The newest that the library knows: on an older kernel it enforces what that one has.
    let newest = ABI::V10;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(newest))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(newest)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(newest)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Err("this kernel does not have it".to_owned()),
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            Ok(format!("no files, no ports; version {} of the interface", effective_abi as i32))
        }
        _ => Ok("no files, no ports".to_owned()),
    }
}

/// System calls that compiling needs: the three standard streams, memory that is not executable, locks, the time,
/// random bytes, and an end. No other one does anything but fail, and no other descriptor that may have been left open
/// is of any use.
#[cfg(target_os = "linux")]
fn seccomp() -> Result<String, String> {
    use std::collections::BTreeMap;

    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};

    let failed = |error: seccompiler::BackendError| error.to_string();
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls().map_err(failed)?;
    let count = rules.len();
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(failed)?;
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, architecture).map_err(failed)?;
    let program = BpfProgram::try_from(filter).map_err(failed)?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())?;
    Ok(format!("{count} system calls left: no opening, no sockets, no processes, no executable memory"))
}

/// The calls that are left, each with what its arguments have to be.
#[cfg(target_os = "linux")]
fn calls() -> Result<std::collections::BTreeMap<i64, Vec<seccompiler::SeccompRule>>, seccompiler::BackendError> {
    use seccompiler::SeccompCmpArgLen::{Dword, Qword};
    use seccompiler::SeccompCmpOp::{Eq, Le, MaskedEq};
    use seccompiler::{SeccompCondition, SeccompRule};

    // No condition at all stands for "always".
    let always = [
        libc::SYS_close,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    let mut rules: std::collections::BTreeMap<_, _> = always.into_iter().map(|call| (call, Vec::new())).collect();
    let mut allow = |call, conditions: Vec<SeccompCondition>| {
        rules.insert(call, vec![SeccompRule::new(conditions)?]);
        Ok::<_, seccompiler::BackendError>(())
    };
    let standard_stream = || SeccompCondition::new(0, Dword, Le, 2);
    for call in [libc::SYS_read, libc::SYS_readv, libc::SYS_write, libc::SYS_writev, libc::SYS_lseek] {
        allow(call, vec![standard_stream()?])?;
    }
    // Nothing that it writes to memory can be run, and no file be mapped.
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let anonymous = u64::from(libc::MAP_ANONYMOUS.unsigned_abs());
    let not_executable = || SeccompCondition::new(2, Qword, MaskedEq(executable), 0);
    allow(libc::SYS_mmap, vec![not_executable()?, SeccompCondition::new(3, Qword, MaskedEq(anonymous), anonymous)?])?;
    allow(libc::SYS_mprotect, vec![not_executable()?])?;
    // It may abort itself and signal nobody else.
    allow(libc::SYS_tgkill, vec![SeccompCondition::new(0, Dword, Eq, u64::from(std::process::id()))?])?;
    Ok(rules)
}
