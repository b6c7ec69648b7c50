//! How text is sorted in a new cluster: as the image that it stands for does it, as far as this machine can.

use backlot_process::has_locale;

use crate::locate::Installation;

/// A locale that is the same everywhere and sorts by the numbers of characters. macOS has none: its `C` sorts the same, and
/// only case mapping needs a real locale.
#[cfg(not(target_os = "macos"))]
const BYTEWISE: [&str; 2] = ["C.UTF-8", "C.UTF-8"];
#[cfg(target_os = "macos")]
const BYTEWISE: [&str; 2] = ["C", "en_US.UTF-8"];

/// The major version from which on a cluster can sort with ICU.
const ICU: u32 = 15;
/// Options by which `initdb` is told what sorts; then nothing is chosen for it.
const PROVIDERS: [&str; 4] = ["--locale-provider", "--icu-locale", "--icu-rules", "--builtin-locale"];

/// The locale that a cluster would have in its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocaleWish {
    /// How text is sorted (`LC_COLLATE`).
    pub collate: String,
    /// What a letter is (`LC_CTYPE`).
    pub ctype: String,
    /// Whether the image's library has no locales: whatever their name, it sorts by the numbers of characters (musl).
    pub bytewise: bool,
}

/// What `initdb` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocaleChoice {
    /// All of its further arguments.
    pub arguments: Vec<String>,
    /// What is not as in the image, for people: `sorted by ICU's en-US (this machine has no locale en_US.utf8)`.
    pub note: Option<String>,
}

impl LocaleWish {
    /// The arguments of `initdb` for this server, which `own` win over.
    pub fn choose(&self, own: &[String], server: &Installation) -> LocaleChoice {
        let major = server.version.major;
        self.choose_among(own, major, &|| major >= ICU && server.has_icu(), &available)
    }

    fn choose_among(
        &self,
        own: &[String],
        major: u32,
        has_icu: &dyn Fn() -> bool,
        available: &dyn Fn(&str) -> Option<String>,
    ) -> LocaleChoice {
        let said = Said::read(own);
        let name = |own: Option<&String>, usual: &str| {
            own.or(said.locale.as_ref()).map_or_else(|| usual.to_owned(), Clone::clone)
        };
        let (collate, ctype) =
            (name(said.collate.as_ref(), &self.collate), name(said.ctype.as_ref(), &self.ctype));
        let known = |name: &str| {
            if self.bytewise && !is_of_c(name) { None } else { available(name) }
        };
        let [bytewise_collate, bytewise_ctype] = BYTEWISE.map(str::to_owned);
        let real_ctype = known(&ctype).unwrap_or(bytewise_ctype);
        let arguments = |collate: String, more: &[String]| {
            let base = [format!("--locale={real_ctype}"), format!("--lc-collate={collate}")];
            base.into_iter().chain(more.iter().cloned()).chain(said.rest.iter().cloned()).collect()
        };
        if let Some(collate) = known(&collate) {
            return LocaleChoice { arguments: arguments(collate, &[]), note: None };
        }
        if self.bytewise || said.provider {
            return LocaleChoice { arguments: arguments(bytewise_collate, &[]), note: None };
        }
        let tag = language_tag(&collate);
        if let Some(tag) = tag
            && has_icu()
        {
            let icu = ["--locale-provider=icu".to_owned(), format!("--icu-locale={tag}")];
            let note = Some(format!("sorted by ICU's {tag} (this machine has no locale {collate})"));
            return LocaleChoice { arguments: arguments(bytewise_collate, &icu), note };
        }
        let note = Some(format!(
            "sorted by the numbers of characters (this machine has no locale {collate}, and this PostgreSQL {major} nothing in \
             its place)"
        ));
        LocaleChoice { arguments: arguments(bytewise_collate, &[]), note }
    }

    /// Whether files are read in the order of their names' bytes, as a shell of the image does it.
    pub fn sorts_by_bytes(&self) -> bool {
        self.bytewise || is_of_c(&self.collate)
    }
}

/// What arguments of `initdb` say of locales, and the rest of them.
#[derive(Debug, Default)]
struct Said {
    locale: Option<String>,
    collate: Option<String>,
    ctype: Option<String>,
    provider: bool,
    rest: Vec<String>,
}

impl Said {
    fn read(arguments: &[String]) -> Self {
        let mut said = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (option, attached) = match argument.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let place = match option {
                "--no-locale" => {
                    said.locale = Some("C".to_owned());
                    continue;
                }
                "--locale" => &mut said.locale,
                "--lc-collate" => &mut said.collate,
                "--lc-ctype" => &mut said.ctype,
                _ => {
                    said.provider |= PROVIDERS.contains(&option);
                    said.rest.push(argument.clone());
                    continue;
                }
            };
            *place = attached.or_else(|| arguments.next().cloned());
        }
        said
    }
}

/// Whether a locale sorts by the numbers of characters.
fn is_of_c(name: &str) -> bool {
    name.is_empty() || matches!(name.split('.').next(), Some("C" | "POSIX"))
}

/// The name under which this machine has the locale, if it has it: `utf8` is written `UTF-8` on some.
fn available(name: &str) -> Option<String> {
    let written = |codeset: &str| name.split_once('.').map(|(language, _)| format!("{language}.{codeset}"));
    let codeset = name.split_once('.').map_or("", |(_, codeset)| codeset);
    let is_utf8 = codeset.to_ascii_lowercase().replace('-', "") == "utf8";
    let other = if is_utf8 { written("UTF-8") } else { None };
    if matches!(name, "C.UTF-8" | "C.utf8") {
        return Some(BYTEWISE[0].to_owned());
    }
    [Some(name.to_owned()), other].into_iter().flatten().find(|name| has_locale(name))
}

/// `de_AT.utf8@euro` as ICU knows it: `de-AT`.
fn language_tag(name: &str) -> Option<String> {
    let language = name.split(['.', '@']).next().unwrap_or_default();
    let fits = |part: &str| (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
    (language.split(['_', '-']).all(fits) && !language.is_empty()).then(|| language.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::{ICU, LocaleChoice, LocaleWish, language_tag};

    fn choose(wish: &LocaleWish, own: &str, major: u32, there: &[&str]) -> (String, bool) {
        let own: Vec<String> = own.split_whitespace().map(str::to_owned).collect();
        let available = |name: &str| there.contains(&name).then(|| name.to_owned());
        let LocaleChoice { arguments, note } = wish.choose_among(&own, major, &|| major >= ICU, &available);
        (arguments.join(" "), note.is_some())
    }

    fn wish(name: &str, bytewise: bool) -> LocaleWish {
        LocaleWish { collate: name.to_owned(), ctype: name.to_owned(), bytewise }
    }

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn the_images_order_or_the_nearest_one_and_a_word_of_it() {
        let (usual, alpine) = (wish("en_US.utf8", false), wish("en_US.utf8", true));
        let all = ["en_US.utf8", "C", "de_DE.utf8"];
        let own = |name: &str| format!("--locale={name} --lc-collate={name}");
        let bytes = own("C.UTF-8");
        let icu = |tag: &str| format!("{bytes} --locale-provider=icu --icu-locale={tag}");
        for (wish, arguments, major, there, expected, is_told) in [
            (&usual, "", 15, &all[..], own("en_US.utf8"), false),
            (&usual, "", 15, &["C"], icu("en-US"), true),
            (&usual, "", 14, &["C"], bytes.clone(), true),
            (&usual, "--locale=C", 15, &["C"], own("C"), false),
            (&usual, "--no-locale -k", 15, &["C"], format!("{} -k", own("C")), false),
            (&usual, "--locale de_DE.utf8", 15, &["C"], icu("de-DE"), true),
            (&usual, "--locale=de_DE.utf8", 15, &all[..], own("de_DE.utf8"), false),
            (&usual, "--lc-collate=C", 15, &["C"], "--locale=C.UTF-8 --lc-collate=C".into(), false),
            (
                &usual,
                "--lc-collate=C --locale=de_DE.utf8",
                15,
                &all[..],
                "--locale=de_DE.utf8 --lc-collate=C".into(),
                false,
            ),
            (
                &usual,
                "--locale-provider=icu --icu-locale=de",
                16,
                &["C"],
                format!("{bytes} --locale-provider=icu --icu-locale=de"),
                false,
            ),
            (&usual, "-E UTF8", 15, &all[..], format!("{} -E UTF8", own("en_US.utf8")), false),
            // What musl has of a locale is its name.
            (&alpine, "", 15, &all[..], bytes.clone(), false),
            (&alpine, "--locale=C", 15, &all[..], own("C"), false),
            (&wish("C", false), "", 15, &all[..], own("C"), false),
        ] {
            assert_eq!(
                choose(wish, arguments, major, there),
                (expected, is_told),
                "{arguments:?} {major} {there:?}"
            );
        }
    }

    #[test]
    fn a_locale_has_a_name_for_icu() {
        for (name, tag) in [
            ("en_US.utf8", Some("en-US")),
            ("de_AT@euro", Some("de-AT")),
            ("sr", Some("sr")),
            ("no_SUCH.utf8", Some("no-SUCH")),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(language_tag(name).as_deref(), tag, "{name}");
        }
    }
}
