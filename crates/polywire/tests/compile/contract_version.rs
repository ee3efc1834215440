#[polywire::contract(name = "orders", version = "1.4")]
trait TwoNumbers {}

#[polywire::contract(name = "orders", version = "^1.4.0")]
trait Range {}

fn main() {}
