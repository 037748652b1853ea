//! HTTP/1.1 over a stream that the door opened: the Docker engine's socket, an audited web service, with or without
//! TLS below it. Everything is bounded: the whole exchange by time, headers and body by size.

use std::fmt;
use std::io::{self, Read};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use host::{Address, Door, Error, Stream};
use ureq::config::Config;
use ureq::http::{Request, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Agent, AsSendBody};

/// All headers of an answer together; browsers and proxies stop at 8 to 256 KiB.
const HEADER_LIMIT: usize = 32 << 10;
/// One read; must hold all headers.
const INPUT_BUFFER: usize = 64 << 10;
/// Our requests have no body, or one that is a login.
const OUTPUT_BUFFER: usize = 8 << 10;
/// Connections kept for the next request: the docker probe asks from a few threads.
const IDLE_CONNECTIONS: usize = 4;

/// How long and how large one exchange may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From connecting to the last byte of the body.
    pub(crate) time: Duration,
    /// Bytes of the body that are kept; the rest is not read.
    pub(crate) body: usize,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Names (lower case) and values in order; bytes that are not UTF-8 are replaced.
    pub(crate) headers: Vec<(String, String)>,
    /// The body's first bytes, transfer coding undone.
    pub(crate) body: Vec<u8>,
    /// Whether the body was longer than [`Limits::body`].
    pub(crate) cut: bool,
}

impl Answer {
    /// The first header of that name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Speaks HTTP over streams that a function opens. Follows no redirects, keeps no cookies, reads no environment.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    place: String,
}

impl Client {
    /// A client whose streams `dial` opens within the given time; `place` names the other side in errors.
    pub(crate) fn new(
        place: impl Into<String>,
        dial: impl Fn(Duration) -> Result<Box<dyn Stream>, Error> + Send + Sync + 'static,
    ) -> Self {
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .proxy(None)
            .user_agent("palisade")
            .max_response_header_size(HEADER_LIMIT)
            .max_idle_connections(IDLE_CONNECTIONS)
            .max_idle_connections_per_host(IDLE_CONNECTIONS)
            .build();
        let agent = Agent::with_parts(config, Dialler { dial: Box::new(dial) }, Nowhere);
        Self { agent, place: place.into() }
    }

    /// A client of what listens at `address`, without TLS.
    pub(crate) fn at(door: &Door, address: Address) -> Self {
        let place = address.to_string();
        let door = door.clone();
        Self::new(place, move |limit| door.connect(&address, limit))
    }

    /// Asks for a page. The host in `uri` only becomes the `Host` header.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) fn get(&self, uri: &str, limits: Limits) -> Result<Answer, Error> {
        let request = Request::get(uri)
            .body(())
            .map_err(|error| Error::Io { what: uri.to_owned(), message: error.to_string() })?;
        self.send(request, limits)
    }

    /// Asks for something long: the status, and the body as it comes. All of it must come within `time`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) fn stream(&self, uri: &str, time: Duration) -> Result<(u16, Box<dyn Read + Send>), Error> {
        let what = format!("GET {uri} at {}", self.place);
        let response = self.agent.get(uri).config().timeout_global(Some(time)).build().call();
        let response = response.map_err(|error| explain(error, &what, time))?;
        let (parts, body) = response.into_parts();
        Ok((parts.status.as_u16(), Box::new(body.into_reader())))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// `TimedOut` when the whole answer is not there in time, however slowly it drips; `TooLarge` for its headers;
    /// `Io` for what is not HTTP; what the dialling function says.
    pub(crate) fn send(&self, request: Request<impl AsSendBody>, limits: Limits) -> Result<Answer, Error> {
        let what = format!("{} {} at {}", request.method(), request.uri().path(), self.place);
        let started = Instant::now();
        let failed = |error| explain(error, &what, limits.time);
        let request = self.agent.configure_request(request).timeout_global(Some(limits.time)).build();
        let response = self.agent.run(request).map_err(failed)?;
        let (parts, body) = response.into_parts();
        let mut bounded = body.into_reader().take(limits.body as u64 + 1);
        let mut body = Vec::new();
        let mut chunk = [0; 16 << 10];
        loop {
            match bounded.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => body.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) => return Err(failed(error.into())),
            }
            // Data that is there already is handed over without a look at the clock.
            if started.elapsed() > limits.time {
                return Err(Error::TimedOut { what, limit: limits.time });
            }
        }
        let cut = body.len() > limits.body;
        body.truncate(limits.body);
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        Ok(Answer { status: parts.status.as_u16(), headers, body, cut })
    }
}

/// The client's error as the door's.
fn explain(error: ureq::Error, what: &str, limit: Duration) -> Error {
    let what = what.to_owned();
    match error {
        ureq::Error::Timeout(_) => Error::TimedOut { what, limit },
        ureq::Error::LargeResponseHeader(..) => {
            Error::TooLarge { what: format!("the header of {what}"), limit: HEADER_LIMIT }
        }
        ureq::Error::Io(error) if is_timeout(&error) => Error::TimedOut { what, limit },
        ureq::Error::Io(error) => Error::Io { what, message: error.to_string() },
        ureq::Error::Other(error) => match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => Error::Io { what, message: error.to_string() },
        },
        other => Error::Io { what, message: format!("no valid HTTP answer ({other})") },
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

type Dial = dyn Fn(Duration) -> Result<Box<dyn Stream>, Error> + Send + Sync;

/// Opens streams for the agent.
struct Dialler {
    dial: Box<Dial>,
}

impl fmt::Debug for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialler")
    }
}

impl Connector for Dialler {
    type Out = Line;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Line>, ureq::Error> {
        let limit = details.timeout.not_zero().map_or(Duration::from_secs(1), |limit| *limit);
        let stream = (self.dial)(limit).map_err(|error| ureq::Error::Other(Box::new(error)))?;
        let buffers = LazyBuffers::new(INPUT_BUFFER, OUTPUT_BUFFER);
        Ok(Some(Line { stream: Mutex::new(stream), buffers, usable: true }))
    }
}

/// The dialling function knows where to go: names are never looked up.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(([0, 0, 0, 0], 0).into());
        Ok(addresses)
    }
}

/// One connection.
struct Line {
    /// Never locked: the agent asks for `Sync`, which a stream is not.
    stream: Mutex<Box<dyn Stream>>,
    buffers: LazyBuffers,
    usable: bool,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    /// The stream, with its waits limited.
    fn stream(&mut self, timeout: &NextTimeout) -> Result<&mut Box<dyn Stream>, ureq::Error> {
        if timeout.after.is_zero() {
            return Err(ureq::Error::Timeout(timeout.reason));
        }
        let stream = match self.stream.get_mut() {
            Ok(stream) => stream,
            Err(poisoned) => poisoned.into_inner(),
        };
        if let Some(limit) = timeout.not_zero() {
            stream.set_limit(*limit)?;
        }
        Ok(stream)
    }

    fn failed(&mut self, error: io::Error, timeout: &NextTimeout) -> ureq::Error {
        self.usable = false;
        if is_timeout(&error) { ureq::Error::Timeout(timeout.reason) } else { error.into() }
    }
}

impl Transport for Line {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let output = self.buffers.output().get(..amount).unwrap_or_default().to_vec();
        let sent = self.stream(&timeout)?.write_all(&output);
        sent.map_err(|error| self.failed(error, &timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let mut taken = std::mem::replace(&mut self.buffers, LazyBuffers::new(1, 1));
        let read = self.stream(&timeout).and_then(|stream| Ok(stream.read(taken.input_append_buf())?));
        self.buffers = taken;
        match read {
            Ok(count) => {
                self.buffers.input_appended(count);
                Ok(count > 0)
            }
            Err(ureq::Error::Io(error)) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(ureq::Error::Io(error)) => Err(self.failed(error, &timeout)),
            Err(error) => Err(error),
        }
    }

    fn is_open(&mut self) -> bool {
        self.usable
    }

    /// Whatever protection there is lies in the stream that was dialled.
    fn is_tls(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
