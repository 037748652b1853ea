//! What a parameter is, and the form in which [`super::table`] lists them all.

use std::ops::RangeInclusive;

/// One parameter, as the table lists it.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The section of the file: `brute_force`.
    pub section: &'static str,
    /// The name within the section: `max_attempts_by_ip`.
    pub name: &'static str,
    /// What may be written; of a list, what each member is.
    pub form: &'static str,
    /// Whether it is a list.
    pub is_list: bool,
    /// What holds when nothing is written, as the environment would write it; empty for nothing.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The requirement of the Nerve guide that it serves.
    pub guide: Option<&'static str>,
    /// What is accepted, in the type's own measure.
    pub accepted: Option<RangeInclusive<u64>>,
    /// What of that is safe, and what can happen outside of it.
    pub safe: Option<(RangeInclusive<u64>, &'static str)>,
    /// How a number of the measure is written.
    pub written: fn(u64) -> String,
}

impl Parameter {
    /// `brute_force.max_attempts_by_ip`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// `PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP`.
    pub fn variable(&self) -> String {
        format!("PALISADE_{}_{}", self.section, self.name).to_uppercase()
    }
}

/// One section, as the table lists it.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its name in the file.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
}

/// The table: from each line come a field with its type, a row of [`Parameter`]s and the reading of the value.
///
/// After the default stand, where they apply: `in` the range that is accepted, `safe` the part of it that does not
/// weaken the system, `else` what can happen outside of that, `guide` the requirement that names the parameter.
macro_rules! parameters {
    ($(
        $(#[doc = $section_about:literal])+
        [$section:ident] $Section:ident {
            $(
                $(#[doc = $about:literal])+
                $name:ident: $type:ty = $default:literal
                $(, in $accepted:expr)? $(, safe $safe:expr, else $risk:literal)? $(, guide $guide:literal)?;
            )+
        }
    )+) => {
        /// Every parameter of the Management System, read and checked.
        #[derive(Clone, Debug)]
        pub struct Config {
            $( $(#[doc = $section_about])+ pub $section: $Section, )+
        }

        $(
            $(#[doc = $section_about])+
            #[derive(Clone, Debug)]
            pub struct $Section {
                $( $(#[doc = $about])+ pub $name: $type, )+
            }
        )+

        /// Every section, in the order in which they are shown.
        pub static SECTIONS: &[Section] = &[$(
            Section { name: stringify!($section), about: concat!($($section_about),+).trim_ascii() },
        )+];

        /// Every parameter, in the order in which they are shown.
        pub static PARAMETERS: &[Parameter] = &[$($(
            Parameter {
                section: stringify!($section),
                name: stringify!($name),
                form: <$type as Value>::FORM,
                is_list: <$type as Value>::IS_LIST,
                default: $default,
                about: concat!($($about),+).trim_ascii(),
                guide: parameters!(@optional $($guide)?),
                accepted: parameters!(@optional $($accepted)?),
                safe: parameters!(@optional $(($safe, $risk))?),
                written: <$type as Value>::written,
            },
        )+)+];

        impl Config {
            /// Reads every parameter, in the order of the table; none when one of them is wrong.
            pub(super) fn read(reading: &mut Reading<'_>) -> Option<Self> {
                let mut rows = PARAMETERS.iter();
                $(
                    let $section = {
                        $( let $name = rows.next().and_then(|row| reading.value::<$type>(row)); )+
                        match ($($name,)+) {
                            ($(Some($name),)+) => Some($Section { $($name,)+ }),
                            _ => None,
                        }
                    };
                )+
                Some(Self { $($section: $section?,)+ })
            }
        }
    };
    (@optional) => { None };
    (@optional $given:expr) => { Some($given) };
}
pub(super) use parameters;
