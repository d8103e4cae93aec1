//! Files by ways around the mounts, straight at the host's interface: the standard library would stop some of them
//! before the host ever saw them.

use cofferdam_sdk::{Error, Text, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Way {
    Read,
    Write,
    Create,
    Truncate,
    /// Opens to read, then cuts it short.
    SetSize,
    Folder,
    CreateFolder,
    RemoveFolder,
    Unlink,
    Rename,
    HardLink,
    SymbolicLink,
    ReadLink,
    Look,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Reach {
    /// Where it starts: a mount.
    mount: String,
    way: Way,
    path: String,
    /// For ways with two ends: the other mount.
    #[serde(default)]
    to_mount: String,
    /// For ways with two ends: the path there, or what a symbolic link is to say.
    #[serde(default)]
    to: String,
    /// Whether links are followed.
    #[serde(default)]
    follow: bool,
}

/// Tries one way, and gives `ok`, the text that it read, or the error's name.
#[tool]
pub(crate) fn reach(args: Reach) -> Result<Text, Error> {
    let mounts = get_directories();
    let find = |mount: &str| {
        let found = mounts.iter().find(|(_, path)| path == mount).map(|(folder, _)| folder);
        found.ok_or_else(|| Error::denied(format!("no mount {mount:?}")))
    };
    let from = find(&args.mount)?;
    let done = match args.way {
        Way::Rename => from.rename_at(&args.path, find(&args.to_mount)?, &args.to).map(|()| None),
        Way::HardLink => from.link_at(flags(args.follow), &args.path, find(&args.to_mount)?, &args.to).map(|()| None),
        _ => try_one(from, &args),
    };
    Ok(Text(match done {
        Ok(text) => text.unwrap_or_else(|| "ok".to_owned()),
        Err(code) => code.name().to_owned(),
    }))
}

fn flags(follow: bool) -> PathFlags {
    if follow { PathFlags::SYMLINK_FOLLOW } else { PathFlags::empty() }
}

fn try_one(from: &Descriptor, args: &Reach) -> Result<Option<String>, ErrorCode> {
    let (path, follow) = (args.path.as_str(), flags(args.follow));
    let open = |how, rights| from.open_at(follow, path, how, rights);
    let (read, write) = (DescriptorFlags::READ, DescriptorFlags::READ | DescriptorFlags::WRITE);
    match args.way {
        Way::Read => {
            let (bytes, _) = open(OpenFlags::empty(), read)?.read(1 << 20, 0)?;
            return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
        }
        Way::Write => drop(open(OpenFlags::empty(), write)?.write(b"written", 0)?),
        Way::Create => drop(open(OpenFlags::CREATE, write)?.write(b"created", 0)?),
        Way::Truncate => drop(open(OpenFlags::TRUNCATE, read)?),
        Way::SetSize => open(OpenFlags::empty(), read)?.set_size(0)?,
        Way::Folder => drop(open(OpenFlags::DIRECTORY, read)?.read_directory()?),
        Way::CreateFolder => from.create_directory_at(path)?,
        Way::RemoveFolder => from.remove_directory_at(path)?,
        Way::Unlink => from.unlink_file_at(path)?,
        Way::SymbolicLink => from.symlink_at(&args.to, path)?,
        Way::ReadLink => return from.readlink_at(path).map(Some),
        Way::Look => drop(from.stat_at(follow, path)?),
        Way::Rename | Way::HardLink => return Err(ErrorCode::Unsupported),
    }
    Ok(None)
}
