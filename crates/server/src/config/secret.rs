//! Secrets in files of their own: who may read them is checked on the open file, and nothing of them is ever printed.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};
use thiserror::Error;

use super::value::{Cx, Raw, Value, Wrong};

/// The most bytes of a secret: a private key with a chain of certificates has a tenth of it.
const SECRET_LIMIT: u64 = 64 << 10;

/// Why a file with a secret cannot be used. The messages continue a sentence that begins with the path.
#[derive(Debug, Error)]
pub enum SecretError {
    /// It cannot be opened or read.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// It is a folder, a device, a pipe.
    #[error("is not a file")]
    NotAFile,
    /// Others than its owner may read it.
    #[error("has mode {0:04o}, so that others can read or change it")]
    Open(u32),
    /// It belongs to somebody who is neither root nor this user.
    #[error("belongs to user {0}, who is neither root nor the user that runs this")]
    Foreign(u32),
    /// Its directory belongs to somebody who is neither root nor this user.
    #[error("stands in a directory of user {0}, who could have it lead elsewhere")]
    Led(u32),
    /// It is larger than a secret is.
    #[error("is larger than 64 KiB")]
    Large,
    /// It is not text.
    #[error("is not UTF-8 text")]
    NotText,
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// It has more than one line.
    #[error("holds more than one line")]
    Lines,
}

impl SecretError {
    /// What to do about it.
    pub fn help(&self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Read(_) => {
                format!("create it for the user that runs the server, then run: chmod 0600 {path}")
            }
            Self::NotAFile => "name a file that holds nothing but the secret".to_owned(),
            Self::Open(_) => format!("run: chmod 0600 {path} (0640 where root owns it)"),
            Self::Foreign(_) => format!("run: chown root {path}, or give it to the user that runs the server"),
            Self::Led(_) => {
                "put it into a directory of root's or of the user that runs this, such as /etc/palisade"
                    .to_owned()
            }
            Self::Large | Self::NotText | Self::Empty | Self::Lines => {
                "write the secret and nothing else into it, on one line".to_owned()
            }
        }
    }
}

/// Reads a file with a secret of several lines, such as a private key.
///
/// Its mode may not be wider than 0600, or 0640 where root owns it; it belongs to root or to this user, and so does its directory, so that
/// nobody else leads here what may not. At most 64 KiB.
///
/// # Errors
/// When it cannot be read or should not be trusted. Trying again helps only after somebody mended it.
pub fn read_secret(path: &Path) -> Result<SecretString, SecretError> {
    // Without NONBLOCK the opening of a pipe waits for its writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open(path, flags, Mode::empty()).map_err(|error| SecretError::Read(error.into()))?;
    let stat = fstat(file.as_fd()).map_err(|error| SecretError::Read(error.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(SecretError::NotAFile);
    }
    let own = rustix::process::geteuid().as_raw();
    if stat.st_uid != 0 && stat.st_uid != own {
        return Err(SecretError::Foreign(stat.st_uid));
    }
    let mode = stat.st_mode & 0o7777;
    let too_wide = if stat.st_uid == 0 { 0o037 } else { 0o077 };
    if mode & too_wide != 0 {
        return Err(SecretError::Open(mode));
    }
    if let Some(directory) = path.parent() {
        let about = rustix::fs::stat(directory).map_err(|error| SecretError::Read(error.into()))?;
        if about.st_uid != 0 && about.st_uid != own {
            return Err(SecretError::Led(about.st_uid));
        }
    }
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(SECRET_LIMIT + 1).read_to_end(&mut bytes).map_err(SecretError::Read)?;
    if bytes.len() as u64 > SECRET_LIMIT {
        return Err(SecretError::Large);
    }
    let mut text = String::from_utf8(bytes).map_err(|_| SecretError::NotText)?;
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    if text.is_empty() { Err(SecretError::Empty) } else { Ok(text.into()) }
}

/// A secret of one line, and the file it was read from.
#[derive(Clone, Debug)]
pub struct SecretFile {
    path: PathBuf,
    secret: SecretString,
}

impl SecretFile {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds, without the line break at its end.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }
}

impl Value for SecretFile {
    const FORM: &'static str = "the absolute path of a file with mode 0600";

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let path = secret_path(raw, cx)?;
        let secret = (cx.secrets)(&path).map_err(|error| unusable(raw, &path, &error))?;
        if secret.expose_secret().chars().any(|c| matches!(c, '\n' | '\r' | '\0')) {
            return Err(unusable(raw, &path, &SecretError::Lines));
        }
        Ok(Self { path, secret })
    }

    fn shown(&self) -> Json {
        json!(self.path.display().to_string())
    }
}

/// A file with a private key. It was opened and its mode checked; the key itself is not kept here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// The file; [`read_secret`] reads it with the same checks.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Value for KeyFile {
    const FORM: &'static str = SecretFile::FORM;

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let path = secret_path(raw, cx)?;
        (cx.secrets)(&path).map_err(|error| unusable(raw, &path, &error))?;
        Ok(Self(path))
    }

    fn shown(&self) -> Json {
        json!(self.0.display().to_string())
    }
}

/// The path. What is none could be the secret itself, so it is not repeated.
fn secret_path(raw: &Raw, cx: &Cx<'_>) -> Result<PathBuf, Vec<Wrong>> {
    match raw.text() {
        Some(text) if text.starts_with('/') => PathBuf::read(raw, cx),
        _ => Err(vec![raw.wrong("is no absolute path", format!("write {}", SecretFile::FORM))]),
    }
}

fn unusable(raw: &Raw, path: &Path, error: &SecretError) -> Vec<Wrong> {
    let mut what = format!("names {}, which {error}", path.display());
    if let SecretError::Read(cause) = error {
        what.push_str(&format!(": {cause}"));
    }
    vec![raw.wrong(what, error.help(path))]
}
