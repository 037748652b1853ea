//! Rules, guides and profiles that came from outside.
#![no_main]

use policy::{Content, ContentFile};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let file = |path: &str| ContentFile { path: path.to_owned(), text: text.to_owned() };
    let (content, _) =
        Content::load(&[file("declarations/x.yaml"), file("guides/x.yaml"), file("rules/x.yaml")]);
    let _ = policy::load_profile("site.yaml", text, &content);
});
