//! Where tables and short texts are in frames (AMQP 0-9-1).

/// A part of a method's arguments or of a message's properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Short,
    Table,
    Bytes(usize),
}

/// The properties of a message in the order of their flags, from the highest bit.
pub(super) const PROPERTIES: [Field; 14] = [
    Field::Short,    // content type
    Field::Short,    // content encoding
    Field::Table,    // headers
    Field::Bytes(1), // delivery mode
    Field::Bytes(1), // priority
    Field::Short,    // correlation id
    Field::Short,    // reply to
    Field::Short,    // expiration
    Field::Short,    // message id
    Field::Bytes(8), // timestamp
    Field::Short,    // type
    Field::Short,    // user id
    Field::Short,    // app id
    Field::Short,    // cluster id
];

/// The arguments of the methods in which a broker passes on what another peer wrote.
pub(super) fn arguments(class_and_method: u32) -> &'static [Field] {
    match class_and_method {
        // basic.return: code, text, exchange, routing key
        0x003C_0032 => &[Field::Bytes(2), Field::Short, Field::Short, Field::Short],
        // basic.deliver: consumer, delivery tag and whether again, exchange, routing key
        0x003C_003C => &[Field::Short, Field::Bytes(9), Field::Short, Field::Short],
        // basic.get-ok: delivery tag and whether again, exchange, routing key
        0x003C_0047 => &[Field::Bytes(9), Field::Short, Field::Short],
        _ => &[],
    }
}
