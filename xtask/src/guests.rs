//! The guests of this repository: three workspaces, and the template that authors start from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cofferdam_toolchain::{BuildOptions, Built, MANIFEST, Toolchain};

use crate::shell::{print, root, tell};

/// The catalogue's workspace.
pub(crate) const TOOLS: &str = "tools";
/// The workspace of the tests' guest programs.
pub(crate) const PROGRAMS: &str = "tests/programs";
/// The workspace of components as others write them.
pub(crate) const FOREIGN: &str = "tests/foreign/rust";

/// What `cofferdam new` gives to authors: a package of its own.
pub(crate) const TEMPLATE: &str = "guest-sdk/templates/rust";

/// Where the template is built: among the catalogue, with which it shares all that it depends on.
pub(crate) fn template_target() -> PathBuf {
    root().join(TOOLS).join("target")
}

/// Builds all guests of `workspace`.
pub(crate) fn build(workspace: &str) -> Result<Vec<Built>> {
    let toolchain = Toolchain::find(&tell)?;
    tell(&format!("building {workspace} for {}", toolchain.describe()));
    toolchain.build_workspace(&root().join(workspace), &tell)
}

/// Builds the template.
pub(crate) fn build_template() -> Result<Built> {
    let options = BuildOptions { target_dir: Some(template_target()) };
    Toolchain::find(&tell)?.build_package(&root().join(TEMPLATE), &options, &tell)
}

/// Prints what was built, a line each.
pub(crate) fn list(built: &[Built]) -> Result<()> {
    for Built { name, version, component, .. } in built {
        let bytes = fs::metadata(component)?.len();
        let place = component.strip_prefix(root()).unwrap_or(component);
        print(&format!("{name} {version}  {} kB  {}", bytes.div_ceil(1000), place.display()))?;
    }
    Ok(())
}

/// Lays a tool out as the host's commands take it: `folder/component.wasm` and `folder/cofferdam.toml`.
pub(crate) fn lay_out(built: &Built, folder: &Path) -> Result<()> {
    let put = || {
        fs::create_dir_all(folder)?;
        fs::copy(&built.component, folder.join("component.wasm"))?;
        fs::copy(built.folder.join(MANIFEST), folder.join(MANIFEST))
    };
    put().with_context(|| format!("{} cannot be laid out in {}", built.folder.display(), folder.display()))?;
    Ok(())
}
