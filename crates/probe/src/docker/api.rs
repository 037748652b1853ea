//! Asking the engine over its socket.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::{Address, Door, Error};
use serde_json::Value;

use crate::http::{Client, Limits};

/// One question; a healthy engine answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// A whole image, where the door has no end.
const STREAM_PATIENCE: Duration = Duration::from_secs(600);
/// One answer: hundreds of containers in a list take less than a megabyte.
const BODY_LIMIT: usize = 4 << 20;
/// The newest API whose answers we know; engines speak older ones on request.
const NEWEST: (u32, u32) = (1, 47);

/// The engine behind a socket.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    door: Door_,
    place: String,
    prefix: String,
}

/// The door without its backend's missing `Debug`.
struct Door_(Door);

impl std::fmt::Debug for Door_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Door")
    }
}

impl Api {
    /// Connects to the socket and agrees on a version; also what the engine says of its version.
    pub(super) fn open(door: &Door, socket: &Path) -> Result<(Self, Value), Error> {
        let address = Address::Unix(PathBuf::from(socket));
        let mut api = Self {
            place: address.to_string(),
            client: Client::at(door, address),
            door: Door_(door.clone()),
            prefix: String::new(),
        };
        let version = api.get("/version")?;
        let says = |key| version.get(key).and_then(Value::as_str).and_then(numbers);
        let newest = says("ApiVersion").ok_or_else(|| Error::Io {
            what: api.place.clone(),
            message: "the answer to /version is not that of a Docker engine".to_owned(),
        })?;
        let oldest = says("MinAPIVersion").unwrap_or(newest);
        let (major, minor) = newest.min(NEWEST).max(oldest);
        api.prefix = format!("/v{major}.{minor}");
        Ok((api, version))
    }

    /// Asks for something long and returns it as it comes, until the door closes.
    pub(super) fn stream(&self, path: &str) -> Result<Box<dyn Read + Send>, Error> {
        let time = self.door.0.time_left(Path::new(path))?.unwrap_or(STREAM_PATIENCE);
        let (status, body) = self.client.stream(&format!("http://docker{}{path}", self.prefix), time)?;
        match status {
            200 => Ok(body),
            404 => Err(Error::NotFound(format!("GET {path} at {}", self.place))),
            status => Err(Error::Io {
                what: format!("GET {path} at {}", self.place),
                message: format!("status {status} from the engine"),
            }),
        }
    }

    /// Asks for a page and returns the JSON there.
    pub(super) fn get(&self, path: &str) -> Result<Value, Error> {
        let what = || format!("GET {path} at {}", self.place);
        let left = self.door.0.time_left(Path::new(path))?;
        let limits = Limits { time: left.map_or(PATIENCE, |left| left.min(PATIENCE)), body: BODY_LIMIT };
        let answer = self.client.get(&format!("http://docker{}{path}", self.prefix), limits)?;
        if answer.cut {
            return Err(Error::TooLarge { what: what(), limit: BODY_LIMIT });
        }
        match answer.status {
            200 => serde_json::from_slice(&answer.body)
                .map_err(|error| Error::Io { what: what(), message: format!("no valid JSON: {error}") }),
            404 => Err(Error::NotFound(what())),
            401 | 403 => Err(Error::Denied(what())),
            status => Err(Error::Io {
                what: what(),
                message: format!("status {status} from {}", answer.header("server").unwrap_or("the engine")),
            }),
        }
    }
}

/// `1.41` as numbers, so that they can be compared.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
