//! The conformance suite over AMQP with classic queues, against the broker at `POLYWIRE_TEST_AMQP_URL`.

mod support;

use std::process::ExitCode;

use polywire_amqp::QueueType;

fn main() -> ExitCode {
    polywire_testkit::main("amqp-classic", support::suite::Amqp(QueueType::Classic))
}
