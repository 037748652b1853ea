//! Section `files`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `files`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Files {}
