//! Section `packages`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `packages`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Packages {}
