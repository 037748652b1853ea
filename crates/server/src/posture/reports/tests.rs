//! Reports on both databases.

use model::Severity;
use model::report::{REPORT_SCHEMA, Summary, TargetKind, Tool};

use super::*;
use crate::store::tests::stores;

pub(crate) fn finding(rule: &str, subject: &str, verdict: Verdict) -> Finding {
    Finding {
        rule: rule.to_owned(),
        title: rule.to_owned(),
        severity: Severity::High,
        verdict,
        subject: subject.to_owned(),
        expected: String::new(),
        evidence: Vec::new(),
        reason: String::new(),
        why: String::new(),
        waiver: None,
        requirements: Vec::new(),
        remedy: String::new(),
        fix: None,
    }
}

pub(crate) fn entry() -> Entry {
    Entry {
        id: String::new(),
        target_id: "host:0123".to_owned(),
        target: "edge-07".to_owned(),
        started_at: at(0),
        duration_ms: 250,
        content: String::new(),
        passed: 0,
        failed: 0,
        undecided: 0,
        not_applicable: 0,
        waived: 0,
    }
}

fn page() -> usize {
    usize::try_from(PAGE).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + seconds).unwrap()
}

pub(crate) fn report(seconds: i64, findings: Vec<Finding>) -> Report {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    Report {
        schema: REPORT_SCHEMA.to_owned(),
        tool: Tool { name: "palisade".into(), version: "0.1.0".into(), content: "abc".into() },
        target: Target { kind: TargetKind::Host, name: "edge-07".into(), id: "0123".into() },
        started_at: at(seconds),
        duration_ms: 250,
        profile: Default::default(),
        probes: Vec::new(),
        summary: Summary { pass: count(Verdict::Pass), fail: count(Verdict::Fail), ..Summary::default() },
        findings,
        guides: Vec::new(),
        changes: None,
    }
}

#[tokio::test]
async fn a_report_comes_back_as_it_was() {
    for opened in stores().await {
        let store = &opened.store;
        let kept = report(0, vec![finding("ssh.x", "sshd \u{1f512} 'quote'", Verdict::Fail)]);
        let id = keep(store, &kept).await.unwrap();
        let (entry, loaded, _) = load(store, &id).await.unwrap();
        assert_eq!(serde_json::to_value(&loaded).unwrap(), serde_json::to_value(&kept).unwrap());
        assert_eq!((entry.failed, entry.passed, entry.target.as_str()), (1, 0, "edge-07"));
        assert!(matches!(load(store, "none").await, Err(ReportError::Unknown)));
        sqlx::query("update reports set body = 'AAAA'").execute(store.writer()).await.unwrap();
        let error = load(store, &id).await.unwrap_err();
        assert!(error.to_string().contains(&id), "{error}");
    }
}

#[tokio::test]
async fn it_is_known_since_when_each_finding_stands_as_it_does() {
    for opened in stores().await {
        let store = &opened.store;
        let target = target_id(&report(0, Vec::new()).target);
        assert_eq!(target, "host:0123");
        let runs = [
            vec![finding("a", "x", Verdict::Fail), finding("b", "x", Verdict::Pass)],
            vec![finding("a", "x", Verdict::Fail), finding("b", "x", Verdict::Fail)],
            vec![finding("a", "x", Verdict::Pass), finding("b", "x", Verdict::Fail)],
            vec![finding("a", "x", Verdict::Fail)],
        ];
        for (number, findings) in runs.into_iter().enumerate() {
            keep(store, &report(i64::try_from(number).unwrap() * 3600, findings)).await.unwrap();
        }
        let failing = failing_since(store, &target).await.unwrap();
        assert_eq!(failing, [(("a".to_owned(), "x".to_owned()), at(3 * 3600))].into());
        let history_of = async |rule: &str| -> Vec<(String, Timestamp, Option<Timestamp>)> {
            let standings = history(store, &target, rule).await.unwrap();
            standings.into_iter().map(|one| (one.verdict, one.since, one.until)).collect()
        };
        assert_eq!(
            history_of("a").await,
            [
                ("fail".to_owned(), at(3 * 3600), None),
                ("pass".to_owned(), at(2 * 3600), Some(at(3 * 3600))),
                ("fail".to_owned(), at(0), Some(at(2 * 3600))),
            ]
        );
        assert_eq!(history_of("b").await[0], ("fail".to_owned(), at(3600), Some(at(3 * 3600))), "gone");
        // One that arrives late is history and changes nothing of now.
        keep(store, &report(1800, vec![finding("a", "x", Verdict::Pass)])).await.unwrap();
        assert_eq!(failing_since(store, &target).await.unwrap().len(), 1);
        let times: Vec<Timestamp> =
            trend(store, &target).await.unwrap().into_iter().map(|entry| entry.started_at).collect();
        assert_eq!(times, [at(0), at(1800), at(3600), at(2 * 3600), at(3 * 3600)]);
        assert_eq!(newest(store, None).await.unwrap().unwrap().started_at, at(3 * 3600));
        assert_eq!(forget_old(store, at(9 * 3600)).await.unwrap(), 4, "the newest is kept");
    }
}

#[tokio::test]
async fn the_list_comes_in_pages() {
    for opened in stores().await {
        let store = &opened.store;
        for number in 0..PAGE + 5 {
            // Two of the same second, so that the identifier decides.
            keep(store, &report(number / 2, Vec::new())).await.unwrap();
        }
        let first = list(store, None, None).await.unwrap();
        assert_eq!(first.len(), page() + 1);
        let last = &first[page() - 1];
        let second = list(store, Some("host:0123"), Some((last.started_at, &last.id))).await.unwrap();
        assert_eq!(second.len(), 5);
        assert_eq!(second[0], first[page()]);
        assert!(list(store, Some("host:other"), None).await.unwrap().is_empty());
    }
}
