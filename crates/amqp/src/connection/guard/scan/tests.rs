use super::*;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, 1], &size[..], payload, &[0xCE]].concat()
}

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A header frame with a table, two numbers and a text behind it.
fn header(table: &[u8], id: &[u8]) -> Vec<u8> {
    // headers, delivery mode, message id, timestamp
    let flags = [0b0011_0000, 0b1100_0000];
    let fields = [&flags, &long(table)[..], &[2], &short(id), &[7; 8]].concat();
    frame(HEADER, &[&[0; BEFORE_FLAGS][..], &fields].concat())
}

fn deliver(key: &[u8]) -> Vec<u8> {
    let arguments = [
        &short(b"consumer")[..],
        &[9; 9],
        &short(b"exchange"),
        &short(key),
    ];
    frame(METHOD, &[&[0, 60, 0, 60][..], &arguments.concat()].concat())
}

/// The same however the bytes are cut.
fn passed(bytes: &[u8]) -> Vec<u8> {
    let mut whole = bytes.to_vec();
    Scanner::default().pass(&mut whole);
    for size in [1, 3, 10] {
        let mut scanner = Scanner::default();
        let mut pieces = bytes.to_vec();
        pieces
            .chunks_mut(size)
            .for_each(|piece| scanner.pass(piece));
        assert_eq!(pieces, whole, "in pieces of {size}");
    }
    whole
}

fn entry(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&short(key)[..], value].concat()
}

fn every_type() -> Vec<u8> {
    let array = [
        &b"A"[..],
        &long(&[&b"t\x01"[..], b"S", &long(b"\xff"), b"V"].concat()),
    ]
    .concat();
    let table = [&b"F"[..], &long(&entry("ä".as_bytes(), b"I\0\0\0\0"))].concat();
    let text = [&b"S"[..], &long(b"not \xff utf-8, and need not be")].concat();
    let values: [&[u8]; 14] = [
        b"t\0",
        b"b\0",
        b"s\0\0",
        b"u\0\0",
        b"I\0\0\0\0",
        b"i\0\0\0\0",
        b"f\0\0\0\0",
        b"D\0\0\0\0\0",
        b"l\0\0\0\0\0\0\0\0",
        b"T\0\0\0\0\0\0\0\0",
        b"V",
        &array,
        &table,
        &text,
    ];
    values
        .iter()
        .flat_map(|value| entry(b"key", value))
        .collect()
}

#[test]
fn what_is_sound_passes_unchanged() {
    let body = frame(3, &[0xFF; 300]);
    let stream = [
        header(&every_type(), "Größe".as_bytes()),
        body.clone(),
        deliver("v1.größe".as_bytes()),
        header(b"", b""),
        frame(HEADER, &[0; 14]),
        frame(8, b""),
        body,
    ]
    .concat();
    assert_eq!(passed(&stream), stream);
}

#[test]
fn texts_are_mended_wherever_they_stand() {
    let stream = [
        deliver(b"v1.\xff"),
        header(&entry(b"a\xc3", b"V"), b"id\xfe"),
        deliver(b"ok"),
    ]
    .concat();
    let expected = [
        deliver(b"v1.?"),
        header(&entry(b"a?", b"V"), b"id?"),
        deliver(b"ok"),
    ]
    .concat();
    assert_eq!(passed(&stream), expected);
}

fn nested(depth: usize, kind: u8) -> Vec<u8> {
    (0..depth).fold(Vec::new(), |inner, _| {
        let value = [&[kind][..], &long(&inner)].concat();
        if kind == b'F' {
            entry(b"t", &value)
        } else {
            value
        }
    })
}

#[test]
fn what_is_nested_too_deep_becomes_bytes() {
    for kind in [b'F', b'A'] {
        let table = |depth| match kind {
            b'F' => nested(depth, kind),
            _ => entry(b"t", &nested(depth, kind)),
        };
        let fine = header(&table(MAX_DEPTH - 1), b"\xff");
        let changed = passed(&fine)
            .iter()
            .zip(&fine)
            .filter(|(now, then)| now != then)
            .count();
        assert_eq!(changed, 1);
        let deep = [header(&table(5000), b"\xff"), deliver(b"\xff")].concat();
        let passed = passed(&deep);
        assert_eq!(passed.len(), deep.len());
        // One type, and a byte each of the id and the key.
        let changed = passed.iter().zip(&deep).filter(|(now, then)| now != then);
        assert_eq!(changed.count(), 3);
        // What comes behind it is read again.
        assert!(passed.ends_with(&deliver(b"?")));
    }
}

#[test]
fn whatever_comes_the_next_frame_is_found() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2000 {
        let noise: Vec<u8> = (0..60)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            })
            .collect();
        let stream = [
            frame(HEADER, &noise),
            frame(METHOD, &noise),
            frame(METHOD, &[&[0, 60, 0, 60][..], &noise].concat()),
            deliver(b"\xff"),
        ]
        .concat();
        assert!(passed(&stream).ends_with(&deliver(b"?")));
    }
}
