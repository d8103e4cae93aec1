//! Reading a guest's path, before anything is touched.

use super::Fault;

/// The longest path, within a volume and as an argument, in bytes. Far below what the host's kernel takes, so that
/// every folder that a guest can make can also be walked by the host, from its own root on.
pub(super) const PATH_BYTES_MAX: usize = 1 << 10;

/// A path that stays below the folder that it starts from, as far as its text says; links on the way are the business
/// of whoever resolves it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// The folder in which the last name is; empty: the one that it starts from.
    pub(super) parent: String,
    /// The last name; absent: the path names `parent` itself.
    pub(super) name: Option<String>,
    /// It ends in a slash: only a folder will do.
    pub(super) is_folder: bool,
}

impl Path {
    /// Reads `text`.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Err(Fault::NoEntry);
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(Fault::NameTooLong);
        }
        if text.contains('\0') {
            return Err(Fault::Invalid);
        }
        if text.starts_with('/') {
            return Err(Fault::Escape);
        }
        let is_folder = text.ends_with('/') || text.ends_with("/.");
        let mut parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let mut depth = 0_usize;
        for part in &parts {
            depth = if *part == ".." { depth.checked_sub(1).ok_or(Fault::Escape)? } else { depth + 1 };
        }
        let name = parts.pop_if(|part| *part != "..").map(str::to_owned);
        Ok(Self { parent: parts.join("/"), is_folder: is_folder || name.is_none(), name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart_into_folder_and_name() {
        let read = |text| {
            let path = Path::read(text).unwrap();
            format!("{}|{}|{}", path.parent, path.name.as_deref().unwrap_or("-"), path.is_folder)
        };
        assert_eq!(read("a"), "|a|false");
        assert_eq!(read("a/"), "|a|true");
        assert_eq!(read("a/."), "|a|true");
        assert_eq!(read("./a//b"), "a|b|false");
        assert_eq!(read("a/../b"), "a/..|b|false");
        assert_eq!(read("a/.."), "a/..|-|true");
        assert_eq!(read("."), "|-|true");
        assert_eq!(read("a/...b"), "a|...b|false");
    }

    #[test]
    fn what_leads_out_is_seen_in_the_text() {
        for out in ["/", "/etc/passwd", "//a", "..", "../", "../a", "a/../..", "a/../../b", "./../a", "a/./../../a/b"] {
            assert!(matches!(Path::read(out), Err(Fault::Escape)), "{out:?}");
        }
        assert!(matches!(Path::read(""), Err(Fault::NoEntry)));
        assert!(matches!(Path::read("a\0b"), Err(Fault::Invalid)));
        assert!(Path::read(&"x".repeat(PATH_BYTES_MAX)).is_ok());
        assert!(matches!(Path::read(&"x".repeat(PATH_BYTES_MAX + 1)), Err(Fault::NameTooLong)));
    }
}
