//! Section `audit`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `audit`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Audit {}
