//! Section `updates`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `updates`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Updates {}
