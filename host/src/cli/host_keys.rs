//! `cofferdam rotate-host-keys`: the host's own keys, which wrap those of its tenants.

use std::path::PathBuf;

use clap::Args;

use super::serve::SecretsOptions;
use super::style::{GOOD, paint};
use super::{Exit, Output, Result, words};
use crate::error::Error;
use crate::host::{RotatedKeys, SecretsKey, rotate_keys};

/// Replace the host's own keys, which tenants' secrets and kept payloads are sealed under, while no host runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofferdam rotate-host-keys --data /var/lib/cofferdam
  cofferdam rotate-host-keys --secrets-key-env OLD_KEY --new-secrets-key-env NEW_KEY
  cofferdam rotate-host-keys --new-secrets-key-command 'vault read -field=key secret/cofferdam'

The host is stopped first. Every tenant's key is wrapped anew in one change that the platform's record tells of; what these keys
seal stays as it is. A crash leaves the keys before or the new ones, whole. Where the new key for secrets comes from elsewhere,
the next start is given that place. Backups of the data folder still open with the keys that lie in them.", after_long_help = super::exit::HELP)]
pub(super) struct RotateHostKeys {
    /// The data folder
    #[arg(long, value_name = "DIR", env = "COFFERDAM_DATA", hide_env_values = true, default_value = "cofferdam-data")]
    data: PathBuf,
    #[command(flatten)]
    secrets: SecretsOptions,
    #[command(flatten)]
    new: NewSecretsOptions,
}

/// Where the new key for secrets comes from: one place.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "New key for secrets")]
#[group(multiple = false)]
struct NewSecretsOptions {
    /// The file that holds it, of this user alone [default: keys/secrets.key in the data folder, a new one]
    #[arg(long, value_name = "FILE")]
    new_secrets_key_file: Option<PathBuf>,
    /// The variable of the environment that holds it
    #[arg(long, value_name = "NAME")]
    new_secrets_key_env: Option<String>,
    /// The command that prints it, run by the shell
    #[arg(long, value_name = "COMMAND")]
    new_secrets_key_command: Option<String>,
}

impl NewSecretsOptions {
    fn key(self) -> SecretsKey {
        let Self { new_secrets_key_file, new_secrets_key_env, new_secrets_key_command } = self;
        let file = new_secrets_key_file.map(SecretsKey::File);
        file.or(new_secrets_key_env.map(SecretsKey::Environment))
            .or(new_secrets_key_command.map(SecretsKey::Command))
            .unwrap_or_default()
    }
}

impl RotateHostKeys {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let (from, to) = (self.secrets.key(), self.new.key());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::internal)?;
        let rotated = runtime.block_on(rotate_keys(&self.data, &from, &to))?;
        output.show(&rotated, |RotatedKeys { secrets, payloads }| {
            let (secrets, payloads) = (words::count(*secrets), words::count(*payloads));
            let done = paint(GOOD, "✓");
            format!("{done} the host's keys are new; {secrets} tenants' keys for secrets and {payloads} for payloads are wrapped anew\n")
        })?;
        if from != to || to != SecretsKey::Own {
            output.note(format_args!("the next start needs the new key for secrets: {to}"));
        }
        Ok(Exit::Ok)
    }
}
