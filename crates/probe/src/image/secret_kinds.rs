//! The kinds of secrets that are known by their form. The forms are public knowledge of those who issue them; which are
//! worth looking for follows gitleaks (MIT) and Trivy (Apache-2.0). Each has a word that must occur before its pattern is
//! tried, so that most files cost one pass.

/// One kind.
#[derive(Debug)]
pub(super) struct SecretKind {
    /// Its name in findings.
    pub(super) name: &'static str,
    /// What must stand in the file for the pattern to be tried.
    pub(super) word: &'static str,
    /// The pattern; group 1 is the secret itself where the pattern holds more.
    pub(super) pattern: &'static str,
    /// Bits a character that the secret must have at least: examples and placeholders have fewer.
    pub(super) entropy: f64,
}

const fn kind(name: &'static str, word: &'static str, pattern: &'static str, entropy: f64) -> SecretKind {
    SecretKind { name, word, pattern, entropy }
}

/// A key in armour, with its first line: the header alone stands in many programs.
const PRIVATE_KEY: &str = concat!(
    r"-----BEGIN (?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:\\n|\\r|\s)+",
    r"(?:[A-Za-z-]{1,30}: [^\n]{0,200}\s+){0,5}([A-Za-z0-9+/=]{40,})"
);

/// All kinds.
pub(super) const KINDS: &[SecretKind] = &[
    kind("private-key", "PRIVATE KEY", PRIVATE_KEY, 0.0),
    kind("putty-key", "PuTTY-User-Key-File-", r"PuTTY-User-Key-File-\d: ", 0.0),
    kind("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1([02-9AC-HJ-NP-Z]{58})", 3.0),
    kind("aws-access-key", "AKIA", r"\b(AKIA[A-Z2-7]{16})\b", 3.0),
    kind("aws-access-key", "ASIA", r"\b(ASIA[A-Z2-7]{16})\b", 3.0),
    kind(
        "aws-secret-key",
        "aws_secret_access_key",
        r#"(?i)aws_secret_access_key["']?\s*[=:]\s*["']?([A-Za-z0-9/+]{40})\b"#,
        3.5,
    ),
    kind("azure-storage-key", "AccountKey=", r"AccountKey=([A-Za-z0-9+/]{86}==)", 4.0),
    kind("google-api-key", "AIza", r"\b(AIza[0-9A-Za-z_-]{35})\b", 3.5),
    kind("google-oauth-secret", "GOCSPX-", r"\b(GOCSPX-[0-9A-Za-z_-]{28})", 3.0),
    kind("github-token", "ghp_", r"\b(ghp_[0-9A-Za-z]{36})\b", 3.0),
    kind("github-token", "gho_", r"\b(gho_[0-9A-Za-z]{36})\b", 3.0),
    kind("github-token", "ghu_", r"\b(ghu_[0-9A-Za-z]{36})\b", 3.0),
    kind("github-token", "ghs_", r"\b(ghs_[0-9A-Za-z]{36})\b", 3.0),
    kind("github-token", "ghr_", r"\b(ghr_[0-9A-Za-z]{36})\b", 3.0),
    kind("github-token", "github_pat_", r"\b(github_pat_[0-9A-Za-z_]{82})\b", 3.0),
    kind("gitlab-token", "glpat-", r"\b(glpat-[0-9A-Za-z_-]{20,})", 3.0),
    kind("gitlab-token", "gldt-", r"\b(gldt-[0-9A-Za-z_-]{20,})", 3.0),
    kind("gitlab-token", "glrt-", r"\b(glrt-[0-9A-Za-z_-]{20,})", 3.0),
    kind("slack-token", "xox", r"\b(xox[abeoprs]-[0-9A-Za-z-]{20,250})", 3.0),
    kind("slack-webhook", "hooks.slack.com", r"hooks\.slack\.com/services/([0-9A-Za-z+/]{40,50})", 3.0),
    kind(
        "discord-webhook",
        "/api/webhooks/",
        r"discord(?:app)?\.com/api/webhooks/\d+/([0-9A-Za-z_-]{60,})",
        3.0,
    ),
    kind("telegram-token", ":AA", r"\b(\d{8,10}:AA[0-9A-Za-z_-]{33})\b", 3.0),
    kind("stripe-key", "_live_", r"\b([rs]k_live_[0-9A-Za-z]{20,100})\b", 3.0),
    kind("npm-token", "npm_", r"\b(npm_[0-9A-Za-z]{36})\b", 3.0),
    kind("npm-token", "_authToken", r"_authToken\s*=\s*([0-9A-Za-z_-]{20,})", 3.0),
    kind("pypi-token", "pypi-AgEI", r"\b(pypi-AgEI[0-9A-Za-z_-]{50,})", 3.0),
    kind("rubygems-token", "rubygems_", r"\b(rubygems_[0-9a-f]{48})\b", 3.0),
    kind("docker-token", "dckr_pat_", r"\b(dckr_pat_[0-9A-Za-z_-]{27})", 3.0),
    kind("registry-login", "\"auth\"", r#""auth"\s*:\s*"([A-Za-z0-9+/]{8,}={0,2})""#, 2.5),
    kind("hugging-face-token", "hf_", r"\b(hf_[0-9A-Za-z]{34})\b", 3.0),
    kind("openai-key", "T3BlbkFJ", r"\b(sk-[0-9A-Za-z_-]*T3BlbkFJ[0-9A-Za-z_-]{20,})", 3.0),
    kind("anthropic-key", "sk-ant-", r"\b(sk-ant-[0-9a-z]{3,10}-[0-9A-Za-z_-]{80,})", 3.0),
    kind("sendgrid-key", "SG.", r"\b(SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43})\b", 3.0),
    kind("vault-token", "hvs.", r"\b(hvs\.[0-9A-Za-z_-]{90,120})\b", 3.0),
    kind("vault-token", "hvb.", r"\b(hvb\.[0-9A-Za-z_-]{130,220})\b", 3.0),
    kind("terraform-token", ".atlasv1.", r"\b([0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_=-]{60,70})", 3.0),
    kind("digitalocean-token", "_v1_", r"\b(do[opr]_v1_[0-9a-f]{64})\b", 3.0),
    kind("databricks-token", "dapi", r"\b(dapi[0-9a-f]{32}(?:-\d)?)\b", 3.0),
    kind("grafana-token", "glc_", r"\b(glc_[A-Za-z0-9+/]{32,400}={0,2})", 3.0),
    kind("grafana-token", "glsa_", r"\b(glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})\b", 3.0),
    kind("new-relic-key", "NRAK-", r"\b(NRAK-[A-Z0-9]{27})\b", 3.0),
    kind("shopify-token", "shpat_", r"\b(shpat_[a-fA-F0-9]{32})\b", 3.0),
    kind("doppler-token", "dp.", r"\b(dp\.(?:pt|st|ct|sa)\.[0-9A-Za-z.]{40,80})\b", 3.0),
    kind("linear-key", "lin_api_", r"\b(lin_api_[0-9A-Za-z]{40})\b", 3.0),
    kind("tailscale-key", "tskey-", r"\b(tskey-(?:auth|api|client)-[0-9A-Za-z]+-[0-9A-Za-z]{20,})\b", 3.0),
    kind("json-web-token", "eyJ", r"\b(eyJ[0-9A-Za-z_-]{17,}\.eyJ[0-9A-Za-z_-]{17,}\.[0-9A-Za-z_-]{20,})", 4.0),
];
