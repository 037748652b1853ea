//! What predicates come to.

use serde_json::json;

use super::*;

fn outcome(text: &str, facts: Value) -> Outcome {
    let engine = Engine::new(Purpose::Check);
    let expression = Expression::parse(&engine, text, Some("c")).unwrap();
    let element = json!({"name": "web", "age": 3});
    let outer = engine.scope("2026-01-31T00:00:00Z".parse().unwrap());
    let mut scope = outer.inner();
    scope.bind(&expression, "facts", &facts);
    scope.bind(&expression, "c", &element);
    scope.evaluate(&expression)
}

#[test]
fn known_facts_decide() {
    let facts = json!({"ssh": {"options": {"usepam": "yes"}}, "n": [1, 2], "m": {"a.b": 1}, "t": "2026-01-01T00:00:00Z"});
    for text in [
        "facts.ssh.options.usepam == 'yes'",
        "facts.n.all(x, x > 0) && size(facts.n) == 2",
        "facts.m['a.b'] == 1",
        "'a.b' in facts.m",
        "c.name.startsWith('we') && c.age * 2 == 6",
        "age_days(facts.t) == 30.0 && days_until(facts.t) < 0",
        "vercmp('1:1.0~rc1', '1:1.0') < 0",
        "facts.n.exists(n, n == 2) && !facts.n.exists(n, n == 5)",
        "c.name.matches('^w.b$') && matches(c.name, 'eb') && !c.name.matches('^b')",
    ] {
        assert_eq!(outcome(text, facts.clone()), Outcome::Decided(true), "{text}");
    }
}

#[test]
fn what_is_missing_is_named_in_full_unless_the_other_side_decides() {
    let facts = json!({"a": true, "s": null, "users": [{"name": "x"}]});
    let missing = |path: &str| Outcome::Missing(Missing::Path(Path::parse(path).unwrap()));
    assert_eq!(outcome("facts.b.c == 1", facts.clone()), missing("facts.b.c"));
    assert_eq!(outcome("facts.a || facts.b.c == 1", facts.clone()), Outcome::Decided(true));
    assert_eq!(outcome("facts.b.c == 1 || facts.a", facts.clone()), Outcome::Decided(true));
    assert_eq!(outcome("!facts.a && facts.b.c == 1", facts.clone()), Outcome::Decided(false));
    assert_eq!(outcome("facts.a && facts.b.c == 1", facts.clone()), missing("facts.b.c"));
    assert_eq!(outcome("facts.s == null", facts.clone()), Outcome::Decided(true));
    assert_eq!(outcome("facts.s.x == 1", facts.clone()), missing("facts.s.x"));
    let field = Outcome::Missing(Missing::Field("shell".into()));
    assert_eq!(outcome("facts.users.all(u, u.shell == 'x')", facts.clone()), field);
    assert!(matches!(outcome("facts.s > 3", facts.clone()), Outcome::Failed(_)));
    assert!(matches!(outcome("facts.s.matches('x')", facts.clone()), Outcome::Failed(_)));
    assert!(matches!(outcome("c.name.matches('(')", facts), Outcome::Failed(_)));
}

#[test]
fn uses_are_noted_with_their_places() {
    let engine = Engine::new(Purpose::Check);
    let text = "facts.users.exists(u, u.shell == 1) && frob(c.x) && nobody.y";
    let expression = Expression::parse(&engine, text, Some("c")).unwrap();
    let shell = Path::parse("facts.users")
        .unwrap()
        .then(crate::paths::Step::Any)
        .then(crate::paths::Step::Field("shell".into()));
    assert!(
        expression.uses.contains(&Use::Path { path: shell, offset: 22, bound: false }),
        "{:?}",
        expression.uses
    );
    assert!(expression.uses.iter().any(|found| matches!(found, Use::Call { name, .. } if name == "frob")));
    assert!(expression.uses.iter().any(|found| matches!(found, Use::Unknown { name, .. } if name == "nobody")));
    assert!(expression.uses.iter().any(|found| matches!(found, Use::Comparison(c) if c.literal == "number")));
}

#[test]
fn every_operand_has_two_mutants() {
    let engine = Engine::new(Purpose::Check);
    let expression = Expression::parse(&engine, "facts.a && (facts.b || !facts.c)", None).unwrap();
    let mutants = expression.mutants();
    assert_eq!(mutants.len(), 6);
    assert_eq!(mutants[0].0, "the part on `facts.a` replaced by true");
}

#[test]
fn syntax_errors_point_at_the_place() {
    let engine = Engine::new(Purpose::Check);
    let error = Expression::parse(&engine, "facts.a &&", None).unwrap_err();
    assert_eq!(error.offset, 10);
    for hostile in ["(", "[", "!", "-", "a?b:", "f(", "x && "] {
        assert!(Expression::parse(&engine, &hostile.repeat(5000), None).is_err(), "{hostile}");
    }
}

#[test]
fn both_parsers_read_our_content_alike() {
    // Only the numbers of nodes differ, by which the one parser tells places.
    let shape = |ast: &IdedExpr| {
        let text = format!("{ast:?}");
        let mut parts = text.split("id: ");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |shape, part| shape + part.trim_start_matches(|c: char| c.is_ascii_digit()))
    };
    let (content, problems) = crate::Content::load(&crate::embedded());
    assert_eq!(problems, []);
    let quick = Engine::new(Purpose::Decide);
    let mut count = 0;
    let texts = content.rules.iter().flat_map(|rule| [&rule.rule.expect, &rule.rule.when]);
    for text in texts.filter(|text| !text.is_empty()) {
        let slow = content.engine.env.compile(text).unwrap();
        let fast = quick.quickly(text).unwrap();
        assert_eq!(shape(&fast), shape(slow.expression()), "{text}");
        count += 1;
    }
    assert!(count > 500, "{count}");
}
