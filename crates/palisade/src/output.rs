//! What the program says, where, and how it ends.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;
use policy::Problem;
use report::{Options, printable};

use crate::args::Args;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing found.
    Clean,
    /// Findings at or above the threshold.
    Findings,
    /// It was done in part: something of the input could not be used.
    Incomplete,
    /// Something is unknown and that was asked to matter.
    Unknown,
}

/// Turns a result into text for a person and an exit code.
pub(crate) fn end(result: Result<Ending>) -> ExitCode {
    match result {
        Ok(Ending::Clean) => ExitCode::SUCCESS,
        Ok(Ending::Findings) => ExitCode::from(1),
        Ok(Ending::Incomplete) => ExitCode::from(2),
        Ok(Ending::Unknown) => ExitCode::from(3),
        // Nobody reads any more: `palisade audit | head` is no error.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            for cause in error.chain().skip(1).map(|cause| cause.to_string()) {
                // What is written into the journal too names its cause itself.
                if !text.ends_with(&cause) {
                    text.push_str(&format!(": {cause}"));
                }
            }
            let text = text.lines().map(|line| printable(line).into_owned()).collect::<Vec<_>>().join("\n");
            talk(&if text.starts_with("error: ") { text } else { format!("error: {text}") });
            ExitCode::from(2)
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes the result to standard output.
pub(crate) fn say(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Writes talk to standard error; when even that is closed there is nobody to tell.
pub(crate) fn talk(text: &str) {
    let _closed = writeln!(io::stderr().lock(), "{text}");
}

/// Tells what is wrong with the input.
pub(crate) fn tell_problems(problems: &[Problem]) {
    for problem in problems {
        let text: Vec<String> = problem.to_string().lines().map(|line| printable(line).into_owned()).collect();
        talk(&text.join("\n"));
    }
}

/// Tells what is accepted and unsafe.
pub(crate) fn tell_warnings(problems: &[Problem]) {
    for problem in problems {
        let text = problem.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let text: Vec<String> = text.lines().map(|line| printable(line).into_owned()).collect();
        talk(&format!("warning: {}", text.join("\n")));
    }
}

/// Writes a result to a file, replacing it, or to standard output.
pub(crate) fn deliver(text: &str, file: Option<&Path>) -> Result<()> {
    match file {
        None => say(text),
        #[expect(clippy::disallowed_methods, reason = "the user named this file for the result")]
        Some(path) => std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display())),
    }
}

/// How pages are shown on standard output.
pub(crate) fn page_options(verbose: bool) -> Options {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let out = io::stdout();
    let width = terminal_size::terminal_size_of(&out).map_or(80, |(width, _)| usize::from(width.0));
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    Options {
        width: width.clamp(60, 120),
        colour: out.is_terminal() && !set("NO_COLOR") && std::env::var("TERM").is_ok_and(|term| term != "dumb"),
        unicode: locale.is_some_and(|locale| locale.to_lowercase().replace('-', "").contains("utf8")),
        verbose,
    }
}

/// Prints a completion script.
pub(crate) fn completions(shell: Shell) -> Result<Ending> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "palisade", &mut script);
    say(&String::from_utf8_lossy(&script))?;
    Ok(Ending::Clean)
}

/// Prints the man page: one for all commands, so that there is one file to install.
pub(crate) fn man_page() -> Result<Ending> {
    let mut command = Args::command();
    command.build();
    let whole = clap_mangen::Man::new(command.clone());
    let mut page = Vec::new();
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_extra_section(&mut page)?;
    let mut text = String::from_utf8_lossy(&page).replace(".SH EXTRA", ".SH \"EXIT CODES\"");
    describe_below(&command, &mut text)?;
    say(&text)?;
    Ok(Ending::Clean)
}

/// A section of the man page for each command below this one.
fn describe_below(command: &clap::Command, text: &mut String) -> Result<()> {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set()) {
        let man = clap_mangen::Man::new(below.clone());
        let mut part = Vec::new();
        man.render_synopsis_section(&mut part)?;
        man.render_description_section(&mut part)?;
        man.render_options_section(&mut part)?;
        let name = below.get_bin_name().unwrap_or(below.get_name()).to_uppercase();
        text.push_str(&format!(".SH \"{name}\"\n"));
        text.push_str(&String::from_utf8_lossy(&part).replace(".SH ", ".SS "));
        describe_below(below, text)?;
    }
    Ok(())
}
