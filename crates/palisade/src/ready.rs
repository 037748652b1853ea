//! `palisade ready`: asks the server of this machine, for the health checks of containers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::args::ConfigFile;
use crate::config;
use crate::output::{Ending, say, tell_problems};

/// How long connecting, asking and the answer may take, each.
const LIMIT: Duration = Duration::from_secs(5);

/// The most bytes of the answer that are looked at.
const ANSWER_LIMIT: u64 = 16 << 10;

/// Asks for readiness where metrics are served.
pub(crate) fn run(file: &ConfigFile) -> Result<Ending> {
    let (config, _) = match config::load(file) {
        Ok(loaded) => loaded,
        Err(problems) => {
            tell_problems(&problems);
            return Ok(Ending::Incomplete);
        }
    };
    let Some(address) = config.server.metrics_listen.get() else {
        bail!("server.metrics_listen is off, and readiness is told there");
    };
    let answer = ask(address).with_context(|| format!("no answer from {address}"))?;
    let (is_ready, told) = judge(&answer);
    say(told)?;
    Ok(if is_ready { Ending::Clean } else { Ending::Findings })
}

/// The answer to `GET /readyz`, as far as it is looked at.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether the server is ready, and what is said of it.
fn judge(answer: &str) -> (bool, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.lines().next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let told = body.lines().map(str::trim).find(|line| line.chars().any(char::is_alphabetic));
    match (status == "200", told) {
        (true, _) => (true, "ready"),
        (false, Some(told)) => (false, told),
        (false, None) => (false, "not ready"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_200_is_ready() {
        assert_eq!(judge("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nready\n"), (true, "ready"));
        assert_eq!(
            judge("HTTP/1.1 503 Service Unavailable\r\n\r\nthe store is away\n"),
            (false, "the store is away")
        );
        assert_eq!(judge("HTTP/1.1 503 Service Unavailable\r\n\r\n"), (false, "not ready"));
        assert_eq!(judge("SSH-2.0-OpenSSH_9.2\r\n"), (false, "not ready"));
        assert_eq!(judge(""), (false, "not ready"));
    }
}
