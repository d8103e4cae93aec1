//! Why an operation on files was not done.

use std::io;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::capability::effects::Stop;

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $text:literal $(, $($errno:ident)|+)?;)*) => {
        /// Why an operation on files was not done. What the host's operating system says is told apart as far as the
        /// interface does, and never in its words: they could hold names of the host.
        #[derive(Debug, thiserror::Error, Serialize, Deserialize)]
        pub enum Fault {
            $($(#[$doc])* #[error($text)] $variant,)*
            /// The call ends here. What is on no tape stands last: it has no number there.
            #[serde(skip)]
            #[error(transparent)]
            Stop(#[from] Stop),
            /// The guest used a handle that it has not.
            #[serde(skip)]
            #[error(transparent)]
            Handle(#[from] wasmtime::component::ResourceTableError),
        }

        impl From<Errno> for Fault {
            fn from(errno: Errno) -> Self {
                match errno {
                    $($($(Errno::$errno)|+ => Self::$variant,)?)*
                    other => {
                        tracing::warn!(%other, "an operation on a volume failed");
                        Self::Io
                    }
                }
            }
        }
    };
}

faults! {
    /// The path leads out of the volume.
    Escape = "the path leads out of the volume";
    /// The mount is read-only.
    ReadOnly = "the mount is read-only", ROFS;
    /// Links are neither made nor read.
    Link = "links are not allowed";
    /// The mounts are not the same.
    CrossDevice = "not on the same mount", XDEV;
    /// Past a quota of bytes, files or open handles.
    Quota = "quota exceeded", DQUOT;
    /// The host's disk is full.
    InsufficientSpace = "no space left", NOSPC;
    /// The host does not allow it.
    NotPermitted = "not permitted", ACCESS | PERM;
    /// There is no such file or folder.
    NoEntry = "no such file or folder", NOENT;
    /// There is one already.
    Exist = "there is one already", EXIST;
    /// It is not a folder.
    NotDirectory = "not a folder", NOTDIR;
    /// It is a folder.
    IsDirectory = "is a folder", ISDIR;
    /// The folder is not empty.
    NotEmpty = "the folder is not empty", NOTEMPTY;
    /// A link stands in the way.
    Loop = "a link stands in the way", LOOP;
    /// The handle was not opened for this.
    BadDescriptor = "the handle was not opened for this", BADF;
    /// A name or a path is too long.
    NameTooLong = "the path is too long", NAMETOOLONG;
    /// No file may be so large.
    FileTooLarge = "no file may be so large", FBIG;
    /// It makes no sense.
    Invalid = "invalid argument", INVAL;
    /// A number is out of range.
    Overflow = "out of range", OVERFLOW;
    /// It is in use.
    Busy = "in use", BUSY;
    /// There is no such operation here.
    Unsupported = "not supported", OPNOTSUPP;
    /// The disk failed, or the host.
    Io = "input or output failed", IO;
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            // What cap-std says itself: a path that would have left the folder.
            None if error.kind() == io::ErrorKind::PermissionDenied => Self::Escape,
            None if error.kind() == io::ErrorKind::NotFound => Self::NoEntry,
            None if error.kind() == io::ErrorKind::InvalidInput => Self::Invalid,
            None => {
                tracing::warn!(%error, "an operation on a volume failed");
                Self::Io
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_a_tape_comes_back_as_it_was() {
        for fault in [Fault::Escape, Fault::ReadOnly, Fault::Quota, Fault::NoEntry, Fault::Unsupported, Fault::Io] {
            let spelt = postcard::to_allocvec(&fault).unwrap();
            let back: Fault = postcard::from_bytes(&spelt).unwrap();
            assert_eq!(format!("{back:?}"), format!("{fault:?}"));
        }
        postcard::to_allocvec(&Fault::Stop(Stop::Replay)).unwrap_err();
    }
}
