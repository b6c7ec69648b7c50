//! The server's settings.

use std::path::Path;

use crate::conf;
use crate::spec::{ClusterSpec, Durability};

/// The setting that names another file of settings than that of the data directory.
const CONFIG_FILE: &str = "config_file";

/// For data that need not survive a crash of the machine. That of a server loses nothing that was committed: without `fsync`
/// a commit that is written at once costs nothing that could be measured.
const EPHEMERAL: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    // Half of the default: an idle server is 1.3 MiB smaller and starts 2 ms sooner; inserting a million rows in random order
    // of their key takes 3 % longer (16 % with 32 MB).
    ("shared_buffers", "64MB"),
];

/// Nothing is kept in the log that only a replica would read. They hang together: a wish for one takes back all.
const WITHOUT_REPLICAS: &[(&str, &str)] = &[("wal_level", "minimal"), ("max_wal_senders", "0")];
const WISHES_FOR_REPLICAS: &[&str] = &["wal_level", "max_wal_senders", "archive_mode", "summarize_wal"];

/// Saves a process that does nothing here.
const WITHOUT_SUBSCRIPTIONS: (&str, &str) = ("max_logical_replication_workers", "0");

/// Before it recovers, a server sees to it that all files of its cluster are on the disk: by a thousand calls, one by one, which
/// takes a second, or by one for the whole file system, which takes a tenth of that.
const RECOVERY: (&str, &str) = ("recovery_init_sync_method", "syncfs");
/// The first version that knows it.
const KNOWS_RECOVERY: u32 = 14;
/// The first Linux that tells what went wrong with it.
const TELLS_ALL: (u32, u32) = (5, 8);

/// All settings that are given on the command line of a server of this `major` version, ours first, so that the wishes win; where
/// it listens comes last and cannot be wished otherwise.
pub(crate) fn of_server(
    spec: &ClusterSpec,
    major: u32,
    socket_dir: &Path,
    port: u16,
) -> Vec<(String, String)> {
    // What a file of the project's own says, counts as well.
    let file = spec.settings.iter().rfind(|(name, _)| name == CONFIG_FILE);
    let file = file.and_then(|(_, path)| backlot_files::text(Path::new(path)).ok()).unwrap_or_default();
    let in_file = conf::settings(&file);
    let wished =
        |name: &str| spec.settings.iter().chain(&in_file).any(|(wish, _)| wish.eq_ignore_ascii_case(name));
    let mut ours: Vec<(&str, &str)> = Vec::new();
    match spec.durability {
        Durability::Durable => ours.extend(Some(RECOVERY).filter(|_| major >= KNOWS_RECOVERY && tells_all())),
        Durability::Ephemeral => {
            ours.extend(EPHEMERAL);
            if !WISHES_FOR_REPLICAS.iter().any(|name| wished(name)) {
                ours.extend(WITHOUT_REPLICAS);
                ours.push(WITHOUT_SUBSCRIPTIONS);
            }
        }
    }
    let ours = ours.into_iter().filter(|(name, _)| !wished(name));
    let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let kept = spec.settings.iter().filter(|(name, _)| !is_fixed(name)).cloned();
    ours.chain(kept).chain(listening(socket_dir, port)).collect()
}

/// Whether the system can write a whole file system through, and tells when it could not.
fn tells_all() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release_of(&release).is_some_and(|release| release >= TELLS_ALL)
}

fn release_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

const FIXED: [&str; 6] = [
    "port",
    "listen_addresses",
    "unix_socket_directories",
    "unix_socket_permissions",
    "logging_collector",
    "data_directory",
];

fn is_fixed(name: &str) -> bool {
    FIXED.iter().any(|fixed| name.eq_ignore_ascii_case(fixed))
}

fn listening(socket_dir: &Path, port: u16) -> impl Iterator<Item = (String, String)> {
    // The value is a list of names, in which quotes keep commas and spaces together.
    let dir = format!("\"{}\"", socket_dir.to_string_lossy().replace('"', "\"\""));
    [
        ("port", port.to_string()),
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("unix_socket_directories", dir),
        ("unix_socket_permissions", "0700".to_owned()),
        // The log is the server's standard error, which is a file already.
        ("logging_collector", "off".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{of_server, release_of, tells_all};
    use crate::{ClusterSpec, Durability};

    fn settings(durability: Durability, wishes: &[(&str, &str)]) -> Vec<(String, String)> {
        let settings = wishes.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let password = "secret".to_owned().into();
        let (databases, initdb_args, host_auth, timezone) = (Vec::new(), Vec::new(), None, None);
        let superuser = "u".into();
        let spec = ClusterSpec {
            superuser,
            password,
            host_auth,
            databases,
            initdb_args,
            timezone,
            durability,
            settings,
        };
        of_server(&spec, 15, Path::new("/run/my, \"pg\""), 20_001)
    }

    /// The value that the server takes: the last one.
    fn value(settings: &[(String, String)], name: &str) -> Option<String> {
        settings.iter().rfind(|(each, _)| each == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_durable_cluster_gives_up_nothing() {
        let settings = settings(Durability::Durable, &[]);
        for name in ["fsync", "synchronous_commit", "full_page_writes", "wal_level", "max_wal_senders"] {
            assert_eq!(value(&settings, name), None, "{name}");
        }
    }

    #[test]
    fn a_durable_cluster_is_written_through_at_once_where_the_system_tells_all() {
        let told = |settings: &[_]| value(settings, "recovery_init_sync_method");
        let at_once = tells_all().then(|| "syncfs".to_owned());
        assert_eq!(told(&settings(Durability::Durable, &[])), at_once);
        let wish = [("recovery_init_sync_method", "fsync")];
        assert_eq!(told(&settings(Durability::Durable, &wish)).as_deref(), Some("fsync"));
        assert_eq!(told(&settings(Durability::Ephemeral, &[])), None);
        for (text, release) in [
            ("6.18.44-fc\n", Some((6, 18))),
            ("5.4.0-generic", Some((5, 4))),
            ("6.1+deb12", Some((6, 1))),
            ("", None),
        ] {
            assert_eq!(release_of(text), release, "{text}");
        }
    }

    #[test]
    fn wishes_win_over_ours_but_not_over_where_it_listens() {
        let wishes = [("fsync", "on"), ("Port", "1"), ("listen_addresses", "*"), ("work_mem", "1GB")];
        let settings = settings(Durability::Ephemeral, &wishes);
        let expected = [
            ("fsync", Some("on")),
            ("work_mem", Some("1GB")),
            ("synchronous_commit", None),
            ("port", Some("20001")),
            ("Port", None),
            ("listen_addresses", Some("127.0.0.1")),
            ("unix_socket_directories", Some(r#""/run/my, ""pg""""#)),
        ];
        for (name, wanted) in expected {
            assert_eq!(value(&settings, name).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn a_wish_for_replicas_takes_back_all_that_prevents_them() {
        let without = settings(Durability::Ephemeral, &[]);
        assert_eq!(value(&without, "wal_level").as_deref(), Some("minimal"));
        for wish in [("wal_level", "logical"), ("max_wal_senders", "5"), ("archive_mode", "on")] {
            let settings = settings(Durability::Ephemeral, &[wish]);
            for name in ["wal_level", "max_wal_senders", "max_logical_replication_workers"] {
                let wanted = (wish.0 == name).then_some(wish.1);
                assert_eq!(value(&settings, name).as_deref(), wanted, "{wish:?} {name}");
            }
        }
    }
}
