//! Section `time`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `time`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Time {}
