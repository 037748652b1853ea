//! What a provider says of a person beyond the usual.

use std::collections::BTreeSet;

use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Groups of one person that are looked at.
const MAX_GROUPS: usize = 1000;

/// A longer name of a group is nobody's.
const MAX_GROUP: usize = 256;

/// The claims that OpenID Connect does not name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct OtherClaims {
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl AdditionalClaims for OtherClaims {}

impl OtherClaims {
    /// Groups from a claim of this name; `a.b` is also the member `b` of the claim `a`. Nothing when there is no such claim.
    pub(super) fn groups(&self, name: &str) -> Option<BTreeSet<String>> {
        let value = self.claims.get(name).or_else(|| {
            let (outer, path) = name.split_once('.')?;
            path.split('.').try_fold(self.claims.get(outer)?, |value, part| value.get(part))
        })?;
        let texts: Vec<&str> = match value {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let groups = texts.into_iter().filter(|group| !group.is_empty() && group.len() <= MAX_GROUP);
        Some(groups.take(MAX_GROUPS).map(str::to_owned).collect())
    }

    /// The text of a claim.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// Before when the token does not count, in seconds since 1970 (RFC 7519, 4.1.5).
    pub(super) fn not_before(&self) -> Option<f64> {
        self.claims.get("nbf").and_then(Value::as_f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(name: &str, claims: &str) -> Option<Vec<String>> {
        let claims: OtherClaims = serde_json::from_str(claims).unwrap();
        claims.groups(name).map(|groups| groups.into_iter().collect())
    }

    #[test]
    fn groups_stand_where_the_settings_say() {
        let some = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(groups("groups", r#"{"groups": ["b", "a", "", 7]}"#), some);
        assert_eq!(groups("realm_access.roles", r#"{"realm_access": {"roles": ["a", "b"]}}"#), some);
        assert_eq!(groups("https://x.y/groups", r#"{"https://x.y/groups": ["a", "b"]}"#), some);
        assert_eq!(groups("groups", r#"{"groups": "a"}"#), Some(vec!["a".to_owned()]));
        assert_eq!(groups("groups", r#"{"groups": {"a": 1}}"#), Some(vec![]));
        assert_eq!(groups("groups", r#"{"other": ["a"]}"#), None);
        assert_eq!(groups("a.b.c", r#"{"a": {"b": 1}}"#), None);
    }
}
