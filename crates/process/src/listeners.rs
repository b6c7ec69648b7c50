//! From a port to its process, through `/proc`.

use std::fs;

use crate::ports::PortHolder;

/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTENING: &str = "0A";
/// So much of a command line, in characters, says what it is.
const SHORT: usize = 80;

pub(crate) fn find(port: u16) -> Option<PortHolder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let sockets: Vec<String> = tables
        .iter()
        .flat_map(|table| listeners(table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let pids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|&pid| holds(pid, &sockets)).map(|pid| PortHolder { pid, command: command(pid) })
}

/// The inodes of the sockets that listen on this port.
fn listeners(table: &str, port: u16) -> impl Iterator<Item = &str> {
    table.lines().skip(1).filter_map(move |line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
        let fits = fields.get(3) == Some(&LISTENING) && u16::from_str_radix(local_port, 16) == Ok(port);
        fits.then(|| fields.get(9).copied())?
    })
}

fn holds(pid: i32, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    links.any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
}

fn command(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    let mut short: String = text.trim().chars().take(SHORT).collect();
    if text.trim().chars().count() > SHORT {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::listeners;

    #[test]
    fn reads_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 4711 1 0 100\n\
             1: 0100007F:1538 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000   101        0 4712 1 0 20\n\
             2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100\n\
             3: broken\n";
        assert_eq!(listeners(table, 5432).collect::<Vec<_>>(), ["4711"]);
        assert_eq!(listeners(table, 80).collect::<Vec<_>>(), ["4713"]);
        assert_eq!(listeners(table, 81).count(), 0);
    }
}
