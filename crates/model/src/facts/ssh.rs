//! Section `ssh`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `ssh`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ssh {}
