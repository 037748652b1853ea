//! Lines of the log: to stderr, as text or JSON, one event a line whatever is in it.

use std::io::{self, Write};

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// A library that looks for passwords in the home of the user who started the server, which is not that of the user it runs as, and warns that
/// it may not. A filter that names it is stronger.
const QUIET: &str = "sqlx_postgres::options::pgpass=error";

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    /// For people and the journal.
    #[default]
    Text,
    /// For collectors: one object a line.
    Json,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is no filter.
    #[error("`{filter}` is no filter of log lines: write a level such as info, or info,palisade::request=warn")]
    Filter {
        /// What was written.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process has a log.
    #[error("the log is set up already")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sets up the log of this process, and has panics written into it, each once.
pub(crate) fn set_up(format: Format, filter: &str) -> Result<(), LogError> {
    subscriber(format, filter, io::stderr)?.try_init_global().map_err(LogError::Twice)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        error!(place, text, "a part of the program panicked: please report it");
    }));
    Ok(())
}

/// A log that is ready to be put in place.
struct Ready(Box<dyn tracing::Subscriber + Send + Sync>);

impl Ready {
    fn try_init_global(self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        tracing::subscriber::set_global_default(self.0).map_err(Into::into)
    }
}

fn subscriber<W>(format: Format, filter: &str, writer: W) -> Result<Ready, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|source| LogError::Filter { filter: report::printable(filter).into_owned(), source })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Harmless(writer, format))
        .with_ansi(false);
    Ok(Ready(match format {
        Format::Text => Box::new(builder.finish()),
        Format::Json => Box::new(builder.json().flatten_event(true).finish()),
    }))
}

/// Writers whose lines move no cursor and begin no line of their own, whatever the text of an event holds.
struct Harmless<W>(W, Format);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Harmless<W> {
    type Writer = Lines<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Lines(self.0.make_writer(), self.1)
    }
}

/// Each write is one event: the formatter hands it over whole, with one line end.
struct Lines<W>(W, Format);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut out = match self.1 {
            Format::Text => report::printable(line).into_owned(),
            Format::Json => printable_json(line),
        };
        out.push('\n');
        // A line that nobody takes is lost: the disk is full, or whoever read the log has gone. To tell of that there is no place but
        // this one, and whoever tries (the formatter, the hook of panics) ends the whole server.
        let _lost = self.0.write_all(out.as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// JSON has its control characters escaped already; what else moves or hides letters becomes an escape of JSON's own.
fn printable_json(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        let (mut one, mut units) = ([0; 4], [0; 2]);
        match report::printable(c.encode_utf8(&mut one)) {
            std::borrow::Cow::Borrowed(_) => out.push(c),
            std::borrow::Cow::Owned(_) => {
                out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")))
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, filter: &str, talk: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let ready = subscriber(format, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(ready.0, talk);
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    const HOSTILE: &str = "x\n2026-01-01 INFO all is well\x1b[31m\u{9b}31m\u{202e}\r";

    #[test]
    fn text_from_outside_stays_within_its_line() {
        for format in [Format::Text, Format::Json] {
            let text = logged(format, "info", || {
                tracing::info!(shown = %HOSTILE, debugged = ?HOSTILE, field = HOSTILE, "message {HOSTILE}");
            });
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(
                !text.trim_end_matches('\n').chars().any(|c| c.is_control() || c == '\u{202e}'),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_line_that_nobody_takes_is_lost_without_a_word() {
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull] {
            assert_eq!(Lines(Gone(kind), Format::Text).write(b"one line\n").unwrap(), 9);
        }
    }

    struct Gone(io::ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn json_stays_json_whatever_is_in_it() {
        let text = logged(Format::Json, "info", || tracing::info!(shown = %HOSTILE, "message"));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["message"], "message");
        assert!(value["shown"].as_str().unwrap().starts_with("x\n2026"));
    }

    #[test]
    fn a_filter_keeps_what_it_says() {
        let talk = || {
            tracing::info!(target: "palisade::request", "answered");
            tracing::warn!("kept");
        };
        let text = logged(Format::Text, "info,palisade::request=warn", talk);
        assert!(text.contains("kept") && !text.contains("answered"), "{text}");
        let error = set_up(Format::Text, "info,=,,x[").unwrap_err();
        assert!(error.to_string().contains("is no filter of log lines"), "{error}");
    }
}
