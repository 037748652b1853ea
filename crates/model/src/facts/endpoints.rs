//! Section `endpoints`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `endpoints`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Endpoints {}
