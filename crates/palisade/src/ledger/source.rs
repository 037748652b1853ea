//! The ledger of a Management System that is asked over the network.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use ledger::{Path, Source, SourceError};
use secrecy::SecretString;
use serde::Deserialize;
use server::Remote;

use crate::args::ledger::Access;
use crate::input;

/// Where the API token is taken from without a file.
const TOKEN: &str = "PALISADE_TOKEN";

/// A token is a line.
const TOKEN_LIMIT: u64 = 4096;

/// The Management System at this address.
pub(super) fn remote(address: &str, access: &Access) -> Result<Remote> {
    let token: SecretString = match &access.token_file {
        Some(file) => input::read(file, TOKEN_LIMIT)?.trim().to_owned().into(),
        None => std::env::var(TOKEN)
            .ok()
            .filter(|token| !token.trim().is_empty())
            .with_context(|| format!("no API token: name its file with --token-file, or set {TOKEN}"))?
            .into(),
    };
    Ok(Remote::new(address, access.ca.as_deref(), &token)?)
}

/// One stream, as far as it matters here.
#[derive(Deserialize)]
struct Stream {
    name: String,
    size: u64,
    first_kept: u64,
}

/// The streams that were begun, each with its first entry that is kept.
pub(super) fn streams(remote: &mut Remote) -> Result<BTreeMap<String, u64>> {
    let text = remote.get("/api/v1/ledger")?.context("the server has no ledger; is it a Management System?")?;
    let streams: Vec<Stream> =
        serde_json::from_slice(&text).context("the server does not tell its ledger as this version does")?;
    // Names become parts of addresses.
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let begun = streams.into_iter().filter(|stream| stream.size > 0 && is_plain(&stream.name));
    Ok(begun.map(|stream| (stream.name, stream.first_kept)).collect())
}

/// One stream, by the tiles that the server serves. Its checkpoint is asked for once: the log goes on meanwhile.
pub(super) struct Online<'a> {
    remote: &'a mut Remote,
    stream: &'a str,
    checkpoint: Option<Vec<u8>>,
}

impl<'a> Online<'a> {
    pub(super) fn new(remote: &'a mut Remote, stream: &'a str) -> Self {
        Self { remote, stream, checkpoint: None }
    }
}

impl Source for Online<'_> {
    fn read(&mut self, path: Path) -> Result<Option<Vec<u8>>, SourceError> {
        if path == Path::Checkpoint && self.checkpoint.is_some() {
            return Ok(self.checkpoint.clone());
        }
        let found = self
            .remote
            .get(&format!("/api/v1/ledger/{}/{path}", self.stream))
            .map_err(|error| SourceError { path: path.to_string(), reason: error.to_string() })?;
        if path == Path::Checkpoint {
            self.checkpoint.clone_from(&found);
        }
        Ok(found)
    }
}
