//! Trying the walls from inside: everything here must fail. Part of the program, not of the tests alone, so that an
//! operator can ask on the very machine that matters.

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// One thing tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What.
    pub attempt: String,
    /// Whether it was refused, as it should be.
    pub refused: bool,
    /// The system's answer.
    pub detail: String,
}

/// Tries everything. `parent` is the host's process id.
pub(super) fn all(parent: u32) -> Vec<Probe> {
    vec![
        probe("open a file to read", || std::fs::File::open("/etc/passwd").map(drop)),
        probe("open a file to write", || std::fs::File::create("/tmp/cofferdam-self-test").map(drop)),
        probe("list a folder", || std::fs::read_dir("/").map(drop)),
        probe("look at a file", || std::fs::metadata("/etc/passwd").map(drop)),
        probe("remove a file", || std::fs::remove_file("/tmp/cofferdam-self-test")),
        probe("connect by TCP", || TcpStream::connect("127.0.0.1:9").map(drop)),
        probe("listen by TCP", || TcpListener::bind("127.0.0.1:0").map(drop)),
        probe("open a UDP socket", || UdpSocket::bind("127.0.0.1:0").map(drop)),
        probe("open a local socket", || UnixStream::pair().map(drop)),
        probe("run a program", || Command::new("/bin/true").status().map(drop)),
        probe("start a thread", || std::thread::Builder::new().spawn(|| ()).map(drop)),
        probe("signal the host", || {
            let parent = i32::try_from(parent).ok().and_then(rustix::process::Pid::from_raw);
            Ok(rustix::process::test_kill_process(parent.ok_or(io::ErrorKind::NotFound)?)?)
        }),
        #[cfg(target_os = "linux")]
        probe("be traced", || rustix::process::set_ptracer(rustix::process::PTracer::Any).map_err(io::Error::from)),
        probe("duplicate a descriptor", || {
            use std::os::fd::AsFd;
            io::stdin().as_fd().try_clone_to_owned().map(drop)
        }),
        probe("raise a limit", || {
            use rustix::process::{Resource, Rlimit, setrlimit};
            Ok(setrlimit(Resource::Core, Rlimit { current: Some(1), maximum: Some(1) })?)
        }),
        probe("take more memory than there is room for", || {
            // 8 TiB: past any room that this child is given.
            let mut bytes = Vec::<u8>::new();
            bytes.try_reserve_exact(1 << 43).map_err(|_| io::ErrorKind::OutOfMemory.into())
        }),
    ]
}

fn probe(attempt: &str, try_it: impl FnOnce() -> io::Result<()>) -> Probe {
    let (refused, detail) = match try_it() {
        Ok(()) => (false, "it worked".to_owned()),
        // Refused because it is not there, or nobody listens, is no refusal by a wall.
        Err(error) => {
            let by_a_wall = !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput
            );
            (by_a_wall, error.to_string())
        }
    };
    Probe { attempt: attempt.to_owned(), refused, detail }
}
