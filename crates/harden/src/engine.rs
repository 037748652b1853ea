//! Asks a service behind a Unix socket: the Docker engine.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use host::{Address, Door};
use serde_json::Value;

/// One question: changing the limits of a container may take the kernel a moment.
const PATIENCE: Duration = Duration::from_secs(20);
/// The description of a container takes some kilobytes.
const ANSWER_LIMIT: u64 = 4 << 20;
/// A container without a health check counts as well when it ran that long without a restart.
const SETTLED: Duration = Duration::from_secs(3);

/// Sends JSON, and wants a success.
pub(crate) fn post(door: &Door, socket: &str, path: &str, body: &str) -> Result<(), String> {
    let (status, answer) = ask(door, socket, "POST", path, body)?;
    // 304: it is so already.
    if (200..300).contains(&status) || status == 304 {
        return Ok(());
    }
    let message = serde_json::from_str::<Value>(&answer).ok();
    let message = message.as_ref().and_then(|answer| answer.get("message")).and_then(Value::as_str);
    Err(format!("{path}: {}", message.map_or_else(|| format!("status {status}"), ToOwned::to_owned)))
}

/// Waits until a container is well.
pub(crate) fn healthy(door: &Door, socket: &str, container: &str, limit: Duration) -> Result<(), String> {
    let begun = Instant::now();
    let mut since: Option<(Instant, String)> = None;
    loop {
        let description = inspect(door, socket, container)?;
        let says = |pointer| description.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let health = says("/State/Health/Status");
        let started = says("/State/StartedAt").to_owned();
        if health == "unhealthy" {
            return Err(format!("{container} is unhealthy"));
        }
        if says("/State/Status") == "running" && health != "starting" {
            let known = since.as_ref().filter(|(_, known)| *known == started).map(|(at, _)| *at);
            let at = known.unwrap_or_else(Instant::now);
            if health == "healthy" || at.elapsed() >= SETTLED {
                return Ok(());
            }
            since = Some((at, started));
        } else if matches!(says("/State/Status"), "exited" | "dead") {
            return Err(format!("{container} has ended"));
        }
        if begun.elapsed() >= limit {
            return Err(format!("{container} is not healthy after {} s", limit.as_secs()));
        }
        sleep(Duration::from_millis(100));
    }
}

/// What a variable of a container holds.
pub(crate) fn variable(door: &Door, socket: &str, container: &str, name: &str) -> Result<String, String> {
    let description = inspect(door, socket, container)?;
    let lines = description.pointer("/Config/Env").and_then(Value::as_array);
    let mut values =
        lines.into_iter().flatten().filter_map(Value::as_str).filter_map(|line| line.split_once('='));
    let value = values.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
    value.ok_or_else(|| format!("{container} has no variable {name}"))
}

fn inspect(door: &Door, socket: &str, container: &str) -> Result<Value, String> {
    let (status, answer) = ask(door, socket, "GET", &format!("/containers/{container}/json"), "")?;
    if status != 200 {
        return Err(format!("the engine does not describe {container}: status {status}"));
    }
    serde_json::from_str(&answer).map_err(|error| format!("the engine's answer on {container}: {error}"))
}

fn ask(door: &Door, socket: &str, method: &str, path: &str, body: &str) -> Result<(u16, String), String> {
    let clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !clean(path) {
        return Err(format!("{path} is no path of a request"));
    }
    let failed = |error: std::io::Error| format!("{socket}: {error}");
    let mut stream =
        door.connect(&Address::Unix(PathBuf::from(socket)), PATIENCE).map_err(|error| error.to_string())?;
    stream.set_limit(PATIENCE).map_err(failed)?;
    // HTTP/1.0: the answer is neither in chunks nor followed by another.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut answer).map_err(failed)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("{socket}: the answer is not HTTP"))?;
    Ok((status, body.to_owned()))
}
