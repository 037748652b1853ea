//! `palisade audit`.

use std::time::Instant;

use anyhow::{Result, bail};
use model::Report;
use model::report::Verdict;
use policy::{Content, Inputs, Problem};

use crate::args::Audit;
use crate::output::{Ending, deliver, page_options, talk, tell_problems};
use crate::{input, target};

/// Reads, decides, writes; the ending says what was found.
pub(crate) fn run(args: &Audit) -> Result<Ending> {
    let started = Instant::now();
    // Content is parsed while the probes wait for the host.
    let (loaded, document) = std::thread::scope(|scope| {
        let content = scope.spawn(|| match &args.content.content {
            None => Ok(Content::to_decide()),
            Some(_) => input::content(&args.content),
        });
        let document = match &args.facts {
            Some(path) => input::facts(path),
            None => target::collect(args.root.as_deref(), &[], args.trace),
        };
        (content.join(), document)
    });
    let (content, problems) =
        loaded.map_err(|_| anyhow::anyhow!("loading the content panicked; this is a bug"))??;
    let document = document?;
    tell_problems(&problems);
    check_names(&args.rule, &args.guide, &content)?;
    let profile = input::profile(args.profile.as_deref(), &content)?;
    let baseline = args.baseline.as_deref().map(input::report).transpose()?;
    let mut report = policy::decide(&Inputs {
        content: &content,
        document: &document,
        profile: &profile.profile,
        profile_path: &profile.path,
        now: if args.facts.is_some() { document.collected_at } else { target::now() },
        version: env!("CARGO_PKG_VERSION"),
        rules: &args.rule,
        guides: &args.guide,
        severity: args.severity.into(),
    });
    if args.facts.is_none() {
        report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    }
    if let Some(baseline) = &baseline {
        if baseline.target != report.target {
            talk(&format!(
                "warning: the baseline is of {}, this report of {}",
                report::printable(&baseline.target.name),
                report::printable(&report.target.name)
            ));
        }
        report.changes = Some(policy::compare(&report, baseline));
    }
    let mut options = page_options(args.verbose);
    options.colour &= args.output.is_none();
    deliver(&report::write(args.format, &report, &options)?, args.output.as_deref())?;
    Ok(ending(args, &report, &problems))
}

fn ending(args: &Audit, report: &Report, problems: &[Problem]) -> Ending {
    let counts = |severity| args.fail_on.severity().is_some_and(|least| severity >= least);
    if !problems.is_empty() {
        Ending::Incomplete
    } else if report.findings.iter().any(|f| f.verdict == Verdict::Fail && counts(f.severity)) {
        Ending::Findings
    } else if args.strict && report.summary.unknown > 0 {
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
