//! A report as a file to keep or to hand on, for pages and programs alike.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use report::{Format, Options};

use crate::api::problem::{Failure, Kind};
use crate::app::App;

/// The report in this format, for saving.
///
/// # Errors
/// No such report or format.
pub(crate) async fn as_file(app: &App, id: &str, format: &str) -> Result<Response, Failure> {
    let format: Format = format
        .parse()
        .map_err(|error: report::UnknownFormat| Failure::new(Kind::NotFound, error.to_string()))?;
    let kept = app.report(id).await?;
    let (entry, whole) = &*kept;
    let text = report::write(format, whole, &Options::default())
        .map_err(|_| Failure::new(Kind::Internal, "the report cannot be written in this form"))?;
    let name: String = entry
        .target
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .take(64)
        .collect();
    let file = format!(
        "attachment; filename=\"{name}-{}.{}\"",
        entry.started_at.strftime("%Y%m%dT%H%M%SZ"),
        format.extension()
    );
    let disposition = HeaderValue::from_str(&file).unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], text).into_response())
}
