//! AMQP 0-9-1 frames as bytes, for what no client library would send.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const METHOD: u8 = 1;
pub(crate) const HEADER: u8 = 2;
pub(crate) const BODY: u8 = 3;
const END: u8 = 0xCE;
const PROTOCOL: &[u8] = b"AMQP\x00\x00\x09\x01";

/// A frame, or what is not one as it came.
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) channel: u16,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn method(channel: u16, class: u16, method: u16, arguments: &[u8]) -> Self {
        let mut payload = [class.to_be_bytes(), method.to_be_bytes()].concat();
        payload.extend(arguments);
        Self {
            kind: METHOD,
            channel,
            payload,
        }
    }

    /// Class and method, of a method frame.
    pub(crate) fn id(&self) -> Option<(u16, u16)> {
        match (self.kind, self.payload.as_slice()) {
            (METHOD, [a, b, c, d, ..]) => {
                Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
            }
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind];
        bytes.extend(self.channel.to_be_bytes());
        bytes.extend(u32::try_from(self.payload.len()).unwrap().to_be_bytes());
        bytes.extend(&self.payload);
        bytes.push(END);
        bytes
    }
}

/// The next frame.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Frame> {
    let kind = from.read_u8().await?;
    let channel = from.read_u16().await?;
    let length = from.read_u32().await?;
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    from.read_exact(&mut payload).await?;
    from.read_u8().await?;
    Ok(Frame {
        kind,
        channel,
        payload,
    })
}

/// The protocol header that a client begins with.
pub(crate) async fn read_protocol(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut header = vec![0; PROTOCOL.len()];
    from.read_exact(&mut header).await?;
    Ok(header)
}

pub(crate) fn short(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}

pub(crate) fn long(bytes: &[u8]) -> Vec<u8> {
    let mut all = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    all.extend(bytes);
    all
}

/// A table of one entry with a text of so many bytes.
pub(crate) fn large_table(bytes: usize) -> Vec<u8> {
    let mut entries = short("large");
    entries.push(b'S');
    entries.extend(long(&vec![b'x'; bytes]));
    long(&entries)
}

/// A table in a table, so many deep.
pub(crate) fn deep_table(depth: usize) -> Vec<u8> {
    let mut table = long(&[]);
    for _ in 0..depth {
        let mut entries = short("t");
        entries.push(b'F');
        entries.extend(table);
        table = long(&entries);
    }
    table
}

/// A client that sends what it is told to.
pub(crate) struct Handmade(TcpStream);

impl Handmade {
    /// Logs in as guest, and opens channel 1, on which publishes are confirmed.
    pub(crate) async fn connect() -> Self {
        let mut stream = TcpStream::connect(super::proxy::broker_address())
            .await
            .unwrap();
        stream.write_all(PROTOCOL).await.unwrap();
        let mut client = Self(stream);
        client.await_method(10, 10).await;
        let login = [
            long(&[]),
            short("PLAIN"),
            long(b"\0guest\0guest"),
            short("en_US"),
        ]
        .concat();
        client
            .send(&Frame::method(0, 10, 11, &login))
            .await
            .unwrap();
        let tune = client.await_method(10, 30).await;
        client
            .send(&Frame::method(0, 10, 31, &tune.payload[4..]))
            .await
            .unwrap();
        let open = [short("/"), short(""), vec![0]].concat();
        client.send(&Frame::method(0, 10, 40, &open)).await.unwrap();
        client.await_method(10, 41).await;
        client
            .send(&Frame::method(1, 20, 10, &short("")))
            .await
            .unwrap();
        client.await_method(20, 11).await;
        client.send(&Frame::method(1, 85, 10, &[0])).await.unwrap();
        client.await_method(85, 11).await;
        client
    }

    pub(crate) async fn send(&mut self, frame: &Frame) -> std::io::Result<()> {
        self.0.write_all(&frame.bytes()).await
    }

    async fn await_method(&mut self, class: u16, method: u16) -> Frame {
        loop {
            let frame = read(&mut self.0).await.unwrap();
            if frame.id() == Some((class, method)) {
                return frame;
            }
        }
    }

    /// Publishes with properties as they are on the wire: flags, then those that are there. Whether the broker took it, or
    /// ended the connection.
    pub(crate) async fn publish(&mut self, exchange: &str, key: &str, properties: &[u8]) -> bool {
        let publish = [vec![0, 0], short(exchange), short(key), vec![0]].concat();
        let body = b"{}";
        let header = [
            &60_u16.to_be_bytes()[..],
            &[0, 0],
            &u64::try_from(body.len()).unwrap().to_be_bytes(),
            properties,
        ];
        let frames = [
            Frame::method(1, 60, 40, &publish),
            Frame {
                kind: HEADER,
                channel: 1,
                payload: header.concat(),
            },
            Frame {
                kind: BODY,
                channel: 1,
                payload: body.to_vec(),
            },
        ];
        for frame in frames {
            if self.send(&frame).await.is_err() {
                return false;
            }
        }
        loop {
            match read(&mut self.0).await {
                Ok(frame) if frame.id() == Some((60, 80)) => return true,
                Ok(frame) if frame.id() == Some((10, 50)) => return false,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// Properties of which there are only headers, as a table on the wire.
    pub(crate) fn with_headers(table: &[u8]) -> Vec<u8> {
        [&[0x20, 0x00], table].concat()
    }
}
