//! Entries of a Management System's ledger: listed, or kept as a file.

use std::io::BufWriter;
use std::io::Write as _;

use anyhow::{Context as _, Result, bail};
use ledger::Event;
use report::terminal::{Page, style};
use serde::{Deserialize, Serialize};

use super::source::remote;
use crate::args::ListFormat;
use crate::args::ledger::{Export, ExportFormat, Filters, List};
use crate::output::{Ending, page_options, say, talk};

/// The stream that is listed when none is named.
const USUAL: &str = "management-system";

/// One page of a list.
#[derive(Deserialize)]
struct Listed {
    items: Vec<Placed>,
    next: Option<String>,
}

/// One entry.
#[derive(Deserialize, Serialize)]
struct Placed {
    position: u64,
    entry: Event,
}

impl Filters {
    fn query(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("actor", &self.actor),
            ("subject", &self.subject),
            ("address", &self.address),
            ("event", &self.event),
            ("category", &self.category),
            ("result", &self.result),
            ("correlation", &self.correlation),
            ("since", &self.since),
            ("until", &self.until),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

/// Prints entries, newest first.
pub(super) fn list(args: &List) -> Result<Ending> {
    let mut remote = remote(&args.server, &args.access)?;
    let stream = args.filters.stream.as_deref().unwrap_or(USUAL);
    let (mut found, mut after) = (Vec::new(), String::new());
    let is_whole = loop {
        let mut query = args.filters.query();
        query.push(("after", &after));
        let path = format!("/api/v1/ledger/{}/entries?{}", encoded(stream), joined(&query));
        let Some(text) = remote.get(&path)? else { bail!("the ledger has no stream `{stream}`") };
        let page: Listed =
            serde_json::from_slice(&text).context("the server does not list entries as this version does")?;
        found.extend(page.items);
        match page.next {
            Some(next) if found.len() < args.most.get() && next != after => after = next,
            more => break more.is_none() && found.len() <= args.most.get(),
        }
    };
    found.truncate(args.most.get());
    match args.format {
        ListFormat::Json => say(&serde_json::to_string_pretty(&found)?)?,
        ListFormat::Terminal => say(&page(&found))?,
    }
    if !is_whole {
        talk(&format!("these are the newest {}; --most shows more of them", found.len()));
    }
    Ok(Ending::Clean)
}

fn page(found: &[Placed]) -> String {
    let mut page = Page::new(&page_options(false));
    for Placed { position, entry } in found {
        describe(*position, entry, &mut page);
    }
    if found.is_empty() {
        page.indented(0, style::PLAIN, "no such entry");
    }
    page.finish()
}

/// What one entry says.
pub(super) fn describe(position: u64, entry: &Event, page: &mut Page) {
    let result = entry.result.as_str();
    let tone = if result == "success" { style::PLAIN } else { style::BAD };
    let head = format!("{position:>6}  {}  ", entry.time.strftime("%Y-%m-%d %H:%M:%SZ"));
    page.hanging((style::DIM, &head), (tone, &format!("{} {result}", entry.event)), 8);
    let named =
        |name: &Option<String>, id: &Option<String>| name.clone().or_else(|| id.clone()).unwrap_or_default();
    let actor = named(&entry.actor.name, &entry.actor.id);
    let mut said = format!("{} {actor}", entry.actor.kind.as_str()).trim_end().to_owned();
    if let Some(from) = &entry.from {
        said.push_str(&format!(" from {from}"));
    }
    if let Some(on) = &entry.on {
        said.push_str(format!(", on {} {}", on.kind, named(&on.name, &on.id)).trim_end());
    }
    for (name, value) in &entry.details {
        said.push_str(&format!(", {name} {value}"));
    }
    if entry.times > 1 {
        said.push_str(&format!(", {} times", entry.times));
    }
    said.push_str(&format!(", category {}", entry.category));
    if let Some(request) = &entry.correlation {
        said.push_str(&format!(", request {request}"));
    }
    page.indented(8, style::DIM, &said);
}

/// Keeps an export as a file; what broke off is not left behind.
pub(super) fn export(args: &Export) -> Result<Ending> {
    let mut query = args.filters.query();
    query.extend(args.filters.stream.as_deref().map(|stream| ("stream", stream)));
    if args.format == ExportFormat::Archive && !query.is_empty() {
        bail!(
            "an archive holds all of the ledger, or it would prove nothing; filters go with --format jsonl or csv"
        );
    }
    query.push(("format", args.format.as_str()));
    let mut remote = remote(&args.server, &args.access)?;
    let path = &args.output;
    let open = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = BufWriter::new(open.with_context(|| format!("cannot write {}", path.display()))?);
    let saved = remote
        .save(&format!("/api/v1/ledger/export?{}", joined(&query)), &mut file)
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok(file.flush()?));
    if let Err(error) = saved {
        if let Err(left) = std::fs::remove_file(path) {
            talk(&format!("warning: {} is not whole and cannot be removed: {left}", path.display()));
        }
        return Err(error);
    }
    talk(&format!("wrote {}", path.display()));
    Ok(Ending::Clean)
}

fn joined(query: &[(&str, &str)]) -> String {
    let given = query.iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
