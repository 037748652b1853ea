//! The Management System's configuration, as a file and as variables of the environment; what is shown of it.
#![no_main]

use server::config::{Config, Overrides, PARAMETERS, Text};

/// What every file with a secret holds, and what may stand in nothing that is printed.
const SECRET: &str = "postgres://palisade:q8Zx71mW@db.example/palisade";

libfuzzer_sys::fuzz_target!(|text: &str| {
    if text.contains("q8Zx71mW") {
        return;
    }
    let file = Text { name: "palisade.toml", text };
    let secrets = |_: &std::path::Path| Ok(SECRET.into());
    told(Config::parse(Some(file), [], &Overrides::default(), &secrets));
    // The same text as the value of one parameter, chosen by its length.
    if let Some(row) = PARAMETERS.get(text.len() % PARAMETERS.len()) {
        let variable = (row.variable().into(), text.into());
        told(Config::parse(None, [variable], &Overrides::default(), &secrets));
    }
});

type Read = Result<(Config, server::config::Effective), Vec<policy::Problem>>;

fn told(read: Read) {
    match read {
        Ok((config, effective)) => {
            assert_eq!(effective.settings.len(), PARAMETERS.len());
            let shown: Vec<_> = effective.settings.iter().filter_map(server::config::Setting::text).collect();
            let printed = format!("{config:?}{shown:?}{:?}", effective.dangers());
            assert!(!printed.contains("q8Zx71mW"), "{printed}");
        }
        Err(problems) => assert!(!problems.is_empty(), "refused without a reason"),
    }
}
