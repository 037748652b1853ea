//! What a target asks for before it lets one in. Read from files and the environment, never from the command line,
//! where every user of the machine could read it.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::input;

/// The most bytes of a file of credentials.
const LIMIT: u64 = 64 << 10;

/// A text that never prints.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Where credentials are found, as an inventory or a file of credentials says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Reference {
    /// The user's name.
    pub(crate) user: Option<String>,
    /// A file whose first line is the password.
    pub(crate) password_file: Option<PathBuf>,
    /// The variable of the environment that holds the password.
    pub(crate) password_env: Option<String>,
    /// A private key.
    pub(crate) identity: Option<PathBuf>,
    /// Certificates (PEM) of the authorities to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
}

/// What to show a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The user's name.
    pub(crate) user: Option<String>,
    /// The password.
    pub(crate) password: Option<Secret>,
    /// A private key's file.
    pub(crate) identity: Option<PathBuf>,
    /// A file of certificates (PEM) of the authorities to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
}

impl Reference {
    /// Reads a file of credentials: YAML with the fields of [`Reference`].
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = input::read(file, LIMIT)?;
        policy::read_yaml(&file.display().to_string(), &text).map_err(|problem| anyhow::anyhow!("{problem}"))
    }

    /// The credentials themselves; paths are taken from `folder`.
    pub(crate) fn resolve(&self, folder: &Path) -> Result<Credentials> {
        let password = match (&self.password_file, &self.password_env) {
            (Some(_), Some(_)) => bail!("credentials name both password_file and password_env; keep one"),
            (Some(file), None) => {
                let file = folder.join(file);
                let text = input::read(&file, LIMIT)?;
                let line = text.lines().next().filter(|line| !line.is_empty());
                let line =
                    line.with_context(|| format!("the first line of {} holds no password", file.display()))?;
                Some(line.to_owned())
            }
            (None, Some(name)) => {
                let value = std::env::var(name).ok().filter(|value| !value.is_empty());
                Some(value.with_context(|| format!("the environment variable {name} holds no password"))?)
            }
            (None, None) => None,
        };
        Ok(Credentials {
            user: self.user.clone(),
            password: password.map(Secret),
            identity: self.identity.as_ref().map(|path| folder.join(path)),
            ca: self.ca.as_ref().map(|path| folder.join(path)),
        })
    }
}
