//! `palisade sbom`.

use anyhow::{Context, Result, bail};
use model::facts::docker::Image;

use crate::args::Sbom;
use crate::output::{Ending, deliver};
use crate::target::{self, Credentials, Progress, Spec};

/// Writes the bill of materials of the one image that the target holds.
pub(crate) fn run(args: &Sbom) -> Result<Ending> {
    if !matches!(args.target, Spec::Image(_)) {
        bail!("{} is no image; name one with docker-archive:FILE, oci:DIR or image:NAME", args.target);
    }
    let spec = args.target.with_vulnerabilities(args.vulnerabilities.as_deref());
    let document = target::collect(&spec, &Credentials::default(), &[], false, &Progress::new(1))?;
    let images = document.facts.get("docker").and_then(|docker| docker.get("images"));
    let images = images.and_then(|images| images.as_array()).context("no image was read; this is a bug")?;
    let [image] = images.as_slice() else {
        bail!(
            "{} holds {} images; a bill of materials is of one: save each by itself",
            args.target,
            images.len()
        );
    };
    let image: Image =
        serde_json::from_value(image.clone()).context("the facts of the image cannot be read")?;
    let path = "docker.images[0].contents.packages";
    if let Some((_, reason)) = document.reason_for(path) {
        bail!("the packages of {} are not known: {reason}", args.target);
    }
    let text = report::cyclonedx(&image, document.collected_at, env!("CARGO_PKG_VERSION"));
    deliver(&text, args.output.as_deref())?;
    Ok(Ending::Clean)
}
