//! A name server for programs that ask one by themselves, as Docker has it at 127.0.0.11 for every container.
//!
//! It knows the addresses of names that it is given, and asks those that the machine asks for all others. Shapes and numbers are
//! those of RFC 1035.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Where programs in containers ask.
pub const NAME_SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 11), 53);

/// The longest message.
const LONGEST: usize = 4096;
const HEADER: usize = 12;
/// How long another server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an answer holds, in seconds: services come and go.
const LIFETIME: u32 = 5;
const ADDRESS: u16 = 1;
const ADDRESS_SIX: u16 = 28;
/// That it is an answer, and that others are asked as well.
const ANSWER: u16 = 0x8080;
/// Of the flags of a question: its kind, and whether others are to be asked.
const KEPT: u16 = 0x7900;
const FAILURE: u16 = 2;
const STACK: usize = 128 * 1024;

/// Who knows names; they are asked in small letters.
pub type Names = dyn Fn(&str) -> Option<Ipv4Addr> + Send + Sync;

/// Serves `names` for as long as this process lives. Returns where.
///
/// # Errors
/// When no socket can be had.
pub fn serve_names(names: Arc<Names>) -> io::Result<SocketAddrV4> {
    let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    let SocketAddr::V4(place) = socket.local_addr()? else {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    };
    let serve = move || {
        let mut buffer = [0; LONGEST];
        loop {
            let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
            let question = buffer[..length].to_vec();
            if let Some(answer) = answer(&question, &*names) {
                let _ = socket.send_to(&answer, client);
                continue;
            }
            let socket = Arc::clone(&socket);
            let ask = move || {
                let answer = ask_others(&question).or_else(|| failed(&question));
                let _ = answer.map(|answer| socket.send_to(&answer, client));
            };
            let _ = thread::Builder::new().name("names".into()).stack_size(STACK).spawn(ask);
        }
    };
    thread::Builder::new().name("names".into()).stack_size(STACK).spawn(serve)?;
    Ok(place)
}

/// The name that is asked for, the kind of what is asked, and where the question ends.
fn asked(message: &[u8]) -> Option<(String, u16, usize)> {
    let is_question = word(message, 2)? & 0x8000 == 0 && word(message, 4)? == 1;
    let (mut at, mut name) = (HEADER, String::new());
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        // A pointer has no business in a question.
        let label = message.get(at..at + length).filter(|_| length < 64)?;
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
    Some((name, word(message, at)?, at + 4)).filter(|(_, _, end)| is_question && message.len() >= *end)
}

/// The answer, if the name is known.
fn answer(message: &[u8], names: &Names) -> Option<Vec<u8>> {
    let (name, kind, end) = asked(message)?;
    let address = names(&name).filter(|_| matches!(kind, ADDRESS | ADDRESS_SIX))?;
    let mut all = head(message, 0, u16::from(kind == ADDRESS))?;
    all.extend(message.get(HEADER..end)?);
    if kind == ADDRESS {
        // The name is that at the begin of the question.
        all.extend([0xc0, 0x0c]);
        all.extend(ADDRESS.to_be_bytes());
        all.extend(1_u16.to_be_bytes());
        all.extend(LIFETIME.to_be_bytes());
        all.extend(4_u16.to_be_bytes());
        all.extend(address.octets());
    }
    Some(all)
}

fn failed(message: &[u8]) -> Option<Vec<u8>> {
    let (_, _, end) = asked(message)?;
    let mut all = head(message, FAILURE, 0)?;
    all.extend(message.get(HEADER..end)?);
    Some(all)
}

fn head(message: &[u8], code: u16, answers: u16) -> Option<Vec<u8>> {
    let flags = word(message, 2)? & KEPT | ANSWER | code;
    let counts = [1, answers, 0, 0];
    let rest = [flags].into_iter().chain(counts).flat_map(u16::to_be_bytes);
    Some(message.get(..2)?.iter().copied().chain(rest).collect())
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

/// What one of the machine's own name servers says.
fn ask_others(question: &[u8]) -> Option<Vec<u8>> {
    let text = backlot_files::text(Path::new("/etc/resolv.conf")).unwrap_or_default();
    others(&text).into_iter().find_map(|server| {
        let own: IpAddr = if server.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv6Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind((own, 0)).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).ok()?;
        socket.connect((server, NAME_SERVER.port())).ok()?;
        socket.send(question).ok()?;
        let mut answer = vec![0; LONGEST];
        let length = socket.recv(&mut answer).ok()?;
        answer.truncate(length);
        Some(answer).filter(|answer| answer.get(..2) == question.get(..2))
    })
}

fn others(text: &str) -> Vec<IpAddr> {
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok());
    servers.filter(|server| *server != IpAddr::V4(*NAME_SERVER.ip())).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::sync::Arc;
    use std::time::Duration;

    use super::{ADDRESS, ADDRESS_SIX, answer, asked, failed, others, serve_names};

    fn known(name: &str) -> Option<Ipv4Addr> {
        (name == "db").then_some(Ipv4Addr::new(127, 20, 1, 2))
    }

    fn question(name: &str, kind: u16) -> Vec<u8> {
        let mut all = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            all.push(u8::try_from(label.len()).unwrap());
            all.extend(label.bytes());
        }
        all.push(0);
        all.extend(kind.to_be_bytes());
        all.extend([0, 1]);
        all
    }

    #[test]
    fn a_known_name_has_its_address_and_none_of_the_newer_kind() {
        let told = answer(&question("DB", ADDRESS), &known).unwrap();
        assert_eq!(told[..8], [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1]);
        assert_eq!(told[told.len() - 4..], [127, 20, 1, 2]);
        let none = answer(&question("db", ADDRESS_SIX), &known).unwrap();
        assert_eq!((none[3] & 0xf, none[7], none.len()), (0, 0, question("db", ADDRESS_SIX).len()));
        assert_eq!(answer(&question("db.example.com", ADDRESS), &known), None);
        assert_eq!(failed(&question("x.y", ADDRESS)).unwrap()[3] & 0xf, 2);
        assert_eq!(asked(&question("x.y", ADDRESS)).unwrap().0, "x.y");
    }

    #[test]
    fn odd_messages_have_no_answer() {
        let whole = question("db", ADDRESS);
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length], &known), None);
        }
        let mut pointing = whole.clone();
        pointing[12] = 0xc0;
        assert_eq!(asked(&pointing), None);
        let mut told = whole;
        told[2] |= 0x80;
        assert_eq!(asked(&told), None);
    }

    #[test]
    fn the_machines_servers_are_asked_for_the_rest() {
        let text = "# x\nsearch a\nnameserver 127.0.0.11\nnameserver 10.0.0.1\n nameserver ::1\nnameserver\n";
        assert_eq!(others(text), ["10.0.0.1".parse::<std::net::IpAddr>().unwrap(), "::1".parse().unwrap()]);
    }

    #[test]
    fn it_answers() {
        let place = serve_names(Arc::new(known)).unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client.send_to(&question("db", ADDRESS), place).unwrap();
        let mut buffer = [0; 512];
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length], answer(&question("db", ADDRESS), &known).unwrap());
    }
}
