//! From a port to its process, through `/proc`.

use std::fs;

use crate::ports::PortHolder;
use crate::sockets::all_listening;

/// So much of a command line, in characters, says what it is.
const SHORT: usize = 80;

pub(crate) fn find(port: u16) -> Option<PortHolder> {
    let on_port = all_listening().into_iter().filter(|(address, _)| address.port() == port);
    let sockets: Vec<String> = on_port.map(|(_, inode)| format!("socket:[{inode}]")).collect();
    let pids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|&pid| holds(pid, &sockets)).map(|pid| PortHolder { pid, command: command(pid) })
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
