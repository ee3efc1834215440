//! Whether a broker answers: that its port is open says less.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// A method frame; its channel and size do not matter here.
const METHOD_FRAME: u8 = 1;
/// Class 10, method 10 of AMQP 0-9-1: `connection.start`.
const CONNECTION_START: [u8; 4] = [0, 10, 0, 10];
/// Type, channel, size, class and method.
const BEGINNING: usize = 1 + 2 + 4 + 4;

/// Whether AMQP 0-9-1 is spoken there now: the protocol header is answered by `connection.start`.
///
/// # Errors
/// What came instead.
pub fn answers(address: SocketAddr, within: Duration) -> Result<(), String> {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, within)?;
        stream.set_read_timeout(Some(within))?;
        stream.write_all(HEADER)?;
        let mut beginning = [0; BEGINNING];
        stream.read_exact(&mut beginning)?;
        Ok(beginning)
    };
    let beginning: [u8; BEGINNING] =
        ask().map_err(|error: std::io::Error| format!("{address}: {error}"))?;
    if beginning[0] == METHOD_FRAME && beginning[7..] == CONNECTION_START {
        Ok(())
    } else {
        Err(format!(
            "{address} answered {beginning:02x?}: expected connection.start of AMQP 0-9-1"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn answered_with(answer: &'static [u8]) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut header = [0; 8];
            stream.read_exact(&mut header).unwrap();
            assert_eq!(header, HEADER);
            stream.write_all(answer).unwrap();
        });
        let result = answers(address, SOON);
        server.join().unwrap();
        result
    }

    #[test]
    fn only_a_broker_counts() {
        assert_eq!(
            answered_with(b"\x01\0\0\0\0\x01\xf4\0\x0a\0\x0a more"),
            Ok(())
        );
        let error = answered_with(b"HTTP/1.1 400 Bad Request").unwrap_err();
        assert!(
            error.ends_with("expected connection.start of AMQP 0-9-1"),
            "{error}"
        );
        let error = answered_with(b"").unwrap_err();
        assert!(error.starts_with("127.0.0.1:"), "{error}");
    }
}
