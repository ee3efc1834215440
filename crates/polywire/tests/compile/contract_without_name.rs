#[polywire::contract(version = "1.4.0")]
trait Orders {}

fn main() {}
