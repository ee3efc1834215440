#[polywire::contract(name = "orders")]
trait Orders {}

fn main() {}
