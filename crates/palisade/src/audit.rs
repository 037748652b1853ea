//! `palisade audit`.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use model::fleet::Member;
use model::report::Verdict;
use model::{FactsDocument, Fleet, Report, Severity};
use policy::{Content, Inputs, LoadedProfile};
use report::Format;

use crate::args::Audit;
use crate::inventory::{self, Assignment};
use crate::output::{Ending, deliver, page_options, say, talk, tell_problems};
use crate::target::{Progress, Spec};
use crate::{input, target};

/// Targets that are read at the same time.
const AT_ONCE: usize = 16;

/// Targets beside them for which little but waiting is done at this end.
const WAITED_FOR: usize = 100;

/// Reads, decides, writes; the ending says what was found.
pub(crate) fn run(args: &Audit) -> Result<Ending> {
    let started = (Instant::now(), target::now());
    let assignments = inventory::assignments(args)?;
    // Content is parsed while the probes wait for their targets.
    let (loaded, documents) = input::content_while(&args.content, || collect(&assignments, args));
    let (content, problems) = loaded?;
    tell_problems(&problems);
    check_names(&args.rule, &args.guide, &content)?;
    let alone = args.inventory.is_none() && assignments.len() == 1;
    let ending = if alone {
        let [assignment] = assignments.as_slice() else { bail!("no target was named") };
        let document = documents.into_iter().next().context("no target was read; this is a bug")??;
        let mut report = decide(assignment, &document, &content, args)?;
        if !matches!(assignment.spec, Spec::Facts(_)) {
            report.duration_ms = milliseconds(started.0);
        }
        compare(&mut report, args)?;
        let mut options = page_options(args.verbose);
        options.colour &= args.output.is_none();
        deliver(&report::write(args.format, &report, &options)?, args.output.as_deref())?;
        ending(args, &[&report])
    } else {
        if args.baseline.is_some() {
            bail!("--baseline compares one target with its earlier report; audit that target alone");
        }
        let members = assignments
            .iter()
            .zip(documents)
            .map(|(assignment, document)| {
                let report = document.and_then(|document| decide(assignment, &document, &content, args));
                member(assignment, report)
            })
            .collect();
        let kinds: Vec<_> = assignments.iter().map(|assignment| assignment.spec.kind()).collect();
        let mut fleet = policy::fleet(&content, env!("CARGO_PKG_VERSION"), started.1, members, &kinds);
        fleet.duration_ms = milliseconds(started.0);
        deliver_fleet(&fleet, args)?;
        let failed = fleet.targets.iter().any(|member| member.report.is_none());
        if failed { Ending::Incomplete } else { ending(args, &fleet.reports().collect::<Vec<_>>()) }
    };
    Ok(if problems.is_empty() { ending } else { Ending::Incomplete })
}

/// Reads all targets, several at once; the answers stand in the targets' order.
fn collect(assignments: &[Assignment], args: &Audit) -> Vec<Result<FactsDocument>> {
    let progress = Progress::new(assignments.len());
    let read = Mutex::new(Vec::with_capacity(assignments.len()));
    let (waiting, working): (Vec<_>, Vec<_>) =
        assignments.iter().enumerate().partition(|(_, assignment)| assignment.spec.waits());
    let queues = [(waiting, WAITED_FOR, AtomicUsize::new(0)), (working, AT_ONCE, AtomicUsize::new(0))];
    std::thread::scope(|scope| {
        for (queue, at_once, next) in &queues {
            for _ in 0..queue.len().min(*at_once) {
                scope.spawn(|| {
                    while let Some((index, assignment)) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let document = collect_one(assignment, args, &progress);
                        progress.read_one();
                        read.lock().unwrap_or_else(PoisonError::into_inner).push((*index, document));
                    }
                });
            }
        }
    });
    progress.clear();
    let mut read = read.into_inner().unwrap_or_else(PoisonError::into_inner);
    read.sort_by_key(|(index, _)| *index);
    read.into_iter().map(|(_, document)| document).collect()
}

fn collect_one(assignment: &Assignment, args: &Audit, progress: &Progress) -> Result<FactsDocument> {
    let credentials = assignment.credentials.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let spec = assignment.spec.with_vulnerabilities(args.vulnerabilities.as_deref());
    target::collect(&spec, credentials, &[], args.trace, progress)
}

fn decide(
    assignment: &Assignment,
    document: &FactsDocument,
    content: &Content,
    args: &Audit,
) -> Result<Report> {
    let LoadedProfile { mut profile, path } = input::profile(assignment.profile.as_deref(), content)?;
    profile.role = assignment.role.unwrap_or(profile.role);
    profile.assurance = assignment.assurance.unwrap_or(profile.assurance);
    let saved = matches!(assignment.spec, Spec::Facts(_));
    let report = policy::decide(&Inputs {
        content,
        document,
        profile: &profile,
        profile_path: &path,
        now: if saved { document.collected_at } else { target::now() },
        version: env!("CARGO_PKG_VERSION"),
        rules: &args.rule,
        guides: &args.guide,
        severity: args.severity.into(),
    });
    if report.findings.is_empty() && !args.rule.is_empty() {
        let kind = report.target.kind;
        if content.rules.iter().any(|rule| args.rule.contains(&rule.rule.id) && rule.concerns(kind)) {
            bail!(
                "--guide or --severity leaves out every rule asked for; `palisade explain RULE` tells which guides ask for one"
            );
        }
        bail!("none of the rules asked for concerns a {kind}");
    }
    Ok(report)
}

fn compare(report: &mut Report, args: &Audit) -> Result<()> {
    let Some(path) = &args.baseline else { return Ok(()) };
    let mut baseline = input::report(path)?;
    if baseline.target != report.target {
        talk(&format!(
            "warning: the baseline is of {}, this report of {}",
            report::printable(&baseline.target.name),
            report::printable(&report.target.name)
        ));
    }
    // What this run was told to leave out has neither changed nor been lost.
    let narrow =
        !args.rule.is_empty() || !args.guide.is_empty() || Severity::from(args.severity) > Severity::Low;
    if narrow {
        let decided: BTreeSet<&str> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
        baseline.findings.retain(|finding| decided.contains(finding.rule.as_str()));
    }
    report.changes = Some(policy::compare(report, &baseline));
    Ok(())
}

fn member(assignment: &Assignment, report: Result<Report>) -> Member {
    let (report, error) = match report {
        Ok(report) => (Some(report), String::new()),
        Err(error) => (None, format!("{error:#}")),
    };
    let own = report.as_ref().map(|report| report.target.name.clone());
    Member {
        named: assignment.named.clone(),
        name: assignment.name.clone().or(own).unwrap_or_else(|| assignment.named.clone()),
        labels: assignment.labels.clone(),
        error,
        report,
    }
}

/// One document with everything on standard output, or a folder with a file for each target and a summary.
fn deliver_fleet(fleet: &Fleet, args: &Audit) -> Result<()> {
    let mut options = page_options(args.verbose);
    let Some(folder) = &args.output else {
        return say(&report::write_fleet(args.format, fleet, &[], &options)?);
    };
    options.colour = false;
    make_folder(folder)?;
    let mut taken = HashSet::from(["summary".to_owned()]);
    let mut files = Vec::with_capacity(fleet.targets.len());
    for member in &fleet.targets {
        let Some(one) = &member.report else {
            files.push(None);
            continue;
        };
        let name = file_name(&member.name, args.format, &mut taken);
        deliver(&report::write(args.format, one, &options)?, Some(&folder.join(&name)))?;
        files.push(Some(name));
    }
    let name = format!("summary.{}", args.format.extension());
    deliver(&report::write_fleet(args.format, fleet, &files, &options)?, Some(&folder.join(name)))?;
    say(&report::fleet_summary(fleet, &page_options(args.verbose)))
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// A name for a target's file that no other has, made of harmless characters.
fn file_name(name: &str, format: Format, taken: &mut HashSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    let stem: String = name.chars().map(plain).take(100).collect();
    let stem = stem.trim_matches('.');
    let stem = if stem.is_empty() { "target" } else { stem };
    let mut unique = stem.to_owned();
    let mut number = 1;
    while taken.contains(&unique) {
        number += 1;
        unique = format!("{stem}-{number}");
    }
    taken.insert(unique.clone());
    format!("{unique}.{}", format.extension())
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn ending(args: &Audit, reports: &[&Report]) -> Ending {
    let counts = |severity| args.fail_on.severity().is_some_and(|least| severity >= least);
    let fails =
        |report: &Report| report.findings.iter().any(|f| f.verdict == Verdict::Fail && counts(f.severity));
    if reports.iter().any(|report| fails(report)) {
        Ending::Findings
    } else if args.strict && reports.iter().any(|report| report.summary.unknown > 0) {
        Ending::Unknown
    } else {
        Ending::Clean
    }
}

/// A misspelt rule or guide must not look like a clean host.
pub(crate) fn check_names(rule: &[String], guide: &[String], content: &Content) -> Result<()> {
    let rules: Vec<&str> = content.rules.iter().map(|rule| rule.rule.id.as_str()).collect();
    let guides: Vec<&str> = content.guides.iter().map(|guide| guide.id.as_str()).collect();
    for (kind, given, known) in [("rule", rule, &rules), ("guide", guide, &guides)] {
        for name in given {
            if !known.contains(&name.as_str()) {
                let near = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                bail!("there is no {kind} `{name}`{near} `palisade {kind}s` lists them");
            }
        }
    }
    Ok(())
}
