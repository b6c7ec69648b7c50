//! How much of a world of their own services can have here.

use std::collections::BTreeMap;
use std::path::Path;

use backlot_engine::{Rung, Setting, highest_rung, no_view, obstacle, rung};

use super::finding::Finding;

const WHAT: &str = "views";
const FORCED: &str = "BACKLOT_VIEW";
/// Where settings are that are to last.
const SETTINGS: &str = "/etc/sysctl.d/60-backlot.conf";

pub(super) fn views(caller: &BTreeMap<String, String>) -> Finding {
    let forced = caller.get(FORCED).map(String::as_str).filter(|value| !value.is_empty());
    let (highest, here) = (highest_rung(), rung(caller));
    if here < highest {
        return lowered(here, forced.unwrap_or_default());
    }
    let not_used = match forced {
        Some("1" | "2" | "3" | "4") | None => String::new(),
        Some(other) => format!(" ({FORCED}={other} is none of 1, 3 and 4, and does nothing)"),
    };
    let Some(reason) = no_view() else { return Finding::good(WHAT, format!("{}{not_used}", told(here))) };
    let program = std::env::current_exe().unwrap_or_else(|_| "/usr/bin/backlot".into());
    let mend = obstacle().map_or_else(
        || "on a machine that lets a program have more; what the difference is `backlot up` says".to_owned(),
        |setting| mend(&setting, &program),
    );
    Finding::warning(WHAT, format!("{}{not_used}; not more, as {reason}", told(here)), mend)
}

/// What rung of the ladder it is. There is no second one, of addresses alone: names are in a file of the view's own.
fn told(rung: Rung) -> &'static str {
    match rung {
        Rung::Whole => {
            "rung 1 of 4: services have mounts, names and addresses of their own, as their files say"
        }
        Rung::Mounts => {
            "rung 3 of 4: services have mounts of their own; their names and addresses are this machine's"
        }
        Rung::None => "rung 4 of 4: services see this machine as it is",
    }
}

fn lowered(here: Rung, forced: &str) -> Finding {
    let second =
        if forced == "2" { " (there is no rung 2: names are in a file of the view's own)" } else { "" };
    let found = format!("{}, as {FORCED}={forced} forces it{second}", told(here));
    Finding::warning(WHAT, found, format!("unset {FORCED}: this machine can do more"))
}

/// The one command that takes a setting out of the way, for good.
fn mend(setting: &Setting, program: &Path) -> String {
    let set = |value: u32| {
        let line = format!("{} = {value}", setting.name);
        format!("once: echo '{line}' | sudo tee -a {SETTINGS} && sudo sysctl -p {SETTINGS}")
    };
    match (setting.name, setting.value.as_str()) {
        ("kernel.apparmor_restrict_unprivileged_userns", _) => format!(
            "once: sudo tee /etc/apparmor.d/backlot <<'END' && sudo apparmor_parser -r /etc/apparmor.d/backlot\n\
             abi <abi/4.0>,\n\
             include <tunables/global>\n\
             profile backlot \"{}\" flags=(unconfined) {{\n  \
             userns,\n\
             }}\n\
             END",
            program.display()
        ),
        ("user.max_user_namespaces", _) => set(10_000),
        // It cannot be taken back while the machine runs.
        ("kernel.yama.ptrace_scope", "3") => {
            let line = format!("{} = 1", setting.name);
            format!("once: echo '{line}' | sudo tee -a {SETTINGS} && sudo reboot")
        }
        (_, _) => set(1),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use backlot_engine::{Rung, Setting};

    use super::{lowered, mend};

    #[test]
    fn each_setting_has_one_command() {
        for (name, value, parts) in [
            (
                "kernel.apparmor_restrict_unprivileged_userns",
                "1",
                &[
                    "profile backlot \"/opt/back lot\" flags=(unconfined) {\n  userns,\n}\nEND",
                    "apparmor_parser -r",
                ][..],
            ),
            (
                "kernel.unprivileged_userns_clone",
                "0",
                &["'kernel.unprivileged_userns_clone = 1'", "sysctl -p"],
            ),
            ("user.max_user_namespaces", "0", &["'user.max_user_namespaces = 10000'"]),
            ("kernel.yama.ptrace_scope", "2", &["'kernel.yama.ptrace_scope = 1'", "sysctl -p"]),
            ("kernel.yama.ptrace_scope", "3", &["'kernel.yama.ptrace_scope = 1'", "reboot"]),
        ] {
            let said = mend(&Setting { name, value: value.into() }, Path::new("/opt/back lot"));
            for part in parts {
                assert!(said.contains(part), "{said}");
            }
        }
    }

    #[test]
    fn a_forced_rung_is_said_to_be() {
        let found = |rung, forced| lowered(rung, forced).found;
        assert!(found(Rung::Mounts, "3").starts_with("rung 3 of 4"));
        assert!(found(Rung::None, "4").ends_with("as BACKLOT_VIEW=4 forces it"));
        assert!(found(Rung::None, "2").contains("there is no rung 2"));
    }
}
