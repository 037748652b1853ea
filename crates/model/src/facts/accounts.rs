//! Section `accounts`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `accounts`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Accounts {}
